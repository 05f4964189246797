// Follows one kind with client-go's dynamic informer, as an operator does: it decodes every object into a map and keeps it in a store.
// Prints the cost of the list and of the following events as JSON. dbaas_bench_follow follows the same server.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

type moment struct {
	wall time.Time
	cpu  float64
}

func now() moment {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	cpu := func(time syscall.Timeval) float64 { return float64(time.Sec) + float64(time.Usec)/1e6 }
	return moment{time.Now(), cpu(used.Utime) + cpu(used.Stime)}
}

func run() error {
	server := flag.String("server", "", "http://127.0.0.1:PORT")
	objects := flag.Int("objects", 0, "number of objects of the list")
	events := flag.Int("events", 0, "number of events of the watch")
	flag.Parse()

	client, err := dynamic.NewForConfig(&rest.Config{Host: *server, QPS: -1})
	if err != nil {
		return err
	}
	kind := schema.GroupVersionResource{Group: "kubedb.com", Version: "v1", Resource: "postgreses"}
	informer := dynamicinformer.NewFilteredDynamicInformer(client, kind, "", 0, cache.Indexers{}, nil).Informer()
	listed, done := make(chan moment, 1), make(chan moment, 1)
	added, updated := 0, 0
	phases := map[string]int{}
	see := func(object any) {
		status, _, _ := unstructured.NestedString(object.(*unstructured.Unstructured).Object, "status", "phase")
		phases[status]++
	}
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) {
			see(object)
			if added++; added == *objects {
				listed <- now()
			}
		},
		UpdateFunc: func(_, object any) {
			see(object)
			if updated++; updated == *events {
				done <- now()
			}
		},
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Minute)
	defer stop()
	begun := now()
	go informer.RunWithContext(ctx)
	var moments [2]moment
	for at, each := range []chan moment{listed, done} {
		select {
		case moments[at] = <-each:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d objects and %d of %d events after 5 minutes", added, *objects, updated, *events)
		}
	}
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{
		"list_seconds": moments[0].wall.Sub(begun.wall).Seconds(), "list_cpu": moments[0].cpu - begun.cpu,
		"watch_seconds": moments[1].wall.Sub(moments[0].wall).Seconds(), "watch_cpu": moments[1].cpu - moments[0].cpu,
		"rss_mib": float64(used.Maxrss) / 1024,
	})
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "reflector:", err)
		os.Exit(1)
	}
}

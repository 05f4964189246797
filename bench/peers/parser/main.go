// Reads exporter pages with the parsers of the Prometheus project on one core, each page for -seconds. Prints a JSON array of results:
// page, parser, bytes per second, or the error of a rejected page. exposition/... of dbaas_bench reads the same files.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

type result struct {
	Page           string  `json:"page"`
	Parser         string  `json:"parser"`
	BytesPerSecond float64 `json:"bytes_per_second"`
	Samples        int     `json:"samples"`
	Rejected       string  `json:"rejected,omitempty"`
}

// pass reads a page once and returns the number of its samples.
type pass func(page []byte) (int, error)

// known reads a page as a scrape of Prometheus reads known series: the text of a series is the key of a cache.
func known(symbols *labels.SymbolTable) pass {
	return func(page []byte) (int, error) { return walk(page, symbols, false) }
}

// labelled reads a page as a scrape of Prometheus reads new series.
func labelled(symbols *labels.SymbolTable) pass {
	return func(page []byte) (int, error) { return walk(page, symbols, true) }
}

var sum float64 // prevents the compiler from removing the work

func walk(page []byte, symbols *labels.SymbolTable, withLabels bool) (int, error) {
	parser, err := textparse.New(page, "text/plain; version=0.0.4", symbols, textparse.ParserOptions{})
	if err != nil {
		return 0, err
	}
	samples := 0
	var all labels.Labels
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return samples, nil
		}
		if err != nil {
			return 0, err
		}
		if entry != textparse.EntrySeries {
			continue
		}
		samples++
		_, _, value := parser.Series()
		sum += value
		if withLabels {
			parser.Labels(&all)
		}
	}
}

func families(page []byte) (int, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	found, err := parser.TextToMetricFamilies(bytes.NewReader(page))
	samples := 0
	for _, family := range found {
		samples += len(family.Metric)
	}
	return samples, err
}

// spent returns the CPU time of the process, as Google Benchmark does, so that other load does not count.
func spent() time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func measure(name, parser string, page []byte, once pass, long time.Duration) result {
	samples, err := once(page)
	if err != nil {
		return result{Page: name, Parser: parser, Rejected: err.Error()}
	}
	begun, passes := spent(), 0
	for spent()-begun < long {
		for range 20 {
			_, _ = once(page) // the same page as before
			passes++
		}
	}
	rate := float64(passes) * float64(len(page)) / (spent() - begun).Seconds()
	return result{Page: name, Parser: parser, BytesPerSecond: rate, Samples: samples}
}

func run() error {
	seconds := flag.Float64("seconds", 1, "of each measurement")
	folder := flag.String("pages", "", "the folder with *-1.prom")
	flag.Parse()
	runtime.GOMAXPROCS(1) // garbage is collected on the same core
	paths, err := filepath.Glob(filepath.Join(*folder, "*-1.prom"))
	if err != nil || len(paths) == 0 {
		return fmt.Errorf("no pages in %q", *folder)
	}
	var results []result
	for _, path := range paths {
		page, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		symbols := labels.NewSymbolTable()
		for _, each := range []struct {
			name string
			once pass
		}{{"textparse, known series", known(symbols)}, {"textparse, with labels", labelled(symbols)}, {"expfmt", families}} {
			name := strings.TrimSuffix(filepath.Base(path), ".prom")
			results = append(results, measure(name, each.name, page, each.once, time.Duration(*seconds*float64(time.Second))))
		}
	}
	return json.NewEncoder(os.Stdout).Encode(results)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "parser:", err)
		os.Exit(1)
	}
}

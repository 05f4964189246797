// Prints the objects of a YAML stream as a JSON array. Rejects duplicate keys, which kube-apiserver ignores.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"
)

func run() error {
	objects := []any{}
	reader := yaml.NewYAMLReader(bufio.NewReader(os.Stdin))
	for {
		document, err := reader.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		var object any
		if err := strict.UnmarshalStrict(document, &object); err != nil {
			return err
		}
		if object != nil {
			objects = append(objects, object)
		}
	}
	return json.NewEncoder(os.Stdout).Encode(objects)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "objects:", err)
		os.Exit(1)
	}
}

// Command kube-apiserver is Kubernetes' own, built as an ordinary dependency.
package main

import (
	"os"
	_ "time/tzdata" // as in the original: bare systems have no time zones

	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	os.Exit(cli.Run(app.NewAPIServerCommand()))
}

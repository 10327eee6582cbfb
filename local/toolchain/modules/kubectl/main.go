// kubectl alone, for machines that use a cluster of their own and have no kubectl yet.
package main

import (
	"os"

	_ "k8s.io/client-go/plugin/pkg/client/auth" // managed clusters log in through these
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	// Verbosity counts before flags are parsed, because constructing the command already logs.
	_, _ = logs.GlogSetter(cmd.GetLogVerbosity(os.Args))
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
}

// Command exec-kubelet is the part of a kubelet that `kubectl exec` reaches, and nothing else of it: a command for a
// container runs as a local process, over the streams that a real kubelet speaks.
//
// A container is a file FOLDER/NAMESPACE/POD/container.json with "cwd" and "env"; it is there as long as the container.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/types"
	protocols "k8s.io/apimachinery/pkg/util/remotecommand"
	"k8s.io/client-go/tools/remotecommand"
	streaming "k8s.io/kubelet/pkg/cri/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

type container struct {
	Cwd string            `json:"cwd"`
	Env map[string]string `json:"env"`
}

type kubelet struct{ folder string }

func main() {
	listen := flag.String("listen", "", "address and port")
	certificate := flag.String("certificate", "", "PEM file with certificate and key")
	authority := flag.String("authority", "", "PEM file of who signed the API server's client certificate")
	folder := flag.String("pods", "", "folder of the pods")
	flag.Parse()

	pem, err := os.ReadFile(*authority)
	if err != nil {
		log.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	mux.HandleFunc("/exec/{namespace}/{pod}/{container}", kubelet{*folder}.exec)
	server := http.Server{
		Addr:    *listen,
		Handler: mux,
		// No HTTP/2: streams are upgraded connections.
		TLSConfig: &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, NextProtos: []string{"http/1.1"}},
	}
	log.Fatal(server.ListenAndServeTLS(*certificate, *certificate))
}

func (k kubelet) exec(w http.ResponseWriter, r *http.Request) {
	options, err := streaming.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	pod := filepath.Join(r.PathValue("namespace"), r.PathValue("pod"))
	if _, err := k.read(pod); err != nil {
		http.Error(w, fmt.Sprintf("container not found (%q)", r.PathValue("container")), http.StatusInternalServerError)
		return
	}
	streaming.ServeExec(w, r, k, pod, "", r.PathValue("container"), r.URL.Query()["command"], options,
		4*time.Hour, 30*time.Second, protocols.SupportedStreamingProtocols)
}

// ExecInContainer runs one command to its end. As with a real runtime it outlives a connection that breaks, and sees
// nothing but the end of its input.
func (k kubelet) ExecInContainer(_ context.Context, pod string, _ types.UID, _ string, words []string,
	in io.Reader, out, errOut io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize, _ time.Duration) error {
	place, err := k.read(pod)
	if err != nil {
		return err
	}
	command := exec.Command(place.find(words[0]), words[1:]...)
	command.Dir = place.Cwd
	for name, value := range place.Env {
		command.Env = append(command.Env, name+"="+value)
	}
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	// Interfaces that hold nil pointers are not nil, so each is looked at before it is handed on.
	if out != nil {
		command.Stdout = out
	}
	if errOut != nil {
		command.Stderr = errOut
	}
	if in != nil {
		// With Stdin set, Wait would wait for the end of the input too.
		stdin, err := command.StdinPipe()
		if err != nil {
			return err
		}
		go func() {
			io.Copy(stdin, in)
			stdin.Close()
		}()
	}
	err = command.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return utilexec.CodeExitError{Err: err, Code: ended.ExitCode()}
	}
	return err
}

func (k kubelet) read(pod string) (place container, err error) {
	text, err := os.ReadFile(filepath.Join(k.folder, pod, "container.json"))
	if err == nil {
		err = json.Unmarshal(text, &place)
	}
	return place, err
}

// find looks for a program on the container's PATH, not on ours.
func (c container) find(name string) string {
	if strings.Contains(name, "/") {
		return name
	}
	for _, folder := range filepath.SplitList(c.Env["PATH"]) {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 && !info.IsDir() {
			return path
		}
	}
	return name
}

package embedded

import (
	"crypto/rand"
	"errors"
	"os"
	"runtime"
	"sync"
	"syscall"
)

// processID tells this process from any other, even one with the same pid, as
// the first process of a container always has.
var processID = rand.Text()

// hostID names the place where our pid means something: the machine and, on
// Linux, the namespace of pids, so that containers of one host name do not take
// one another for dead.
var hostID = sync.OnceValue(func() string {
	host, err := os.Hostname()
	if err != nil {
		return "unknown-" + processID // nobody can tell: leases decide
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil && runtime.GOOS == "linux" {
		return host + "-" + processID
	}
	return host + " " + namespace
})

// dead reports whether the process is known not to run any more; false if that
// cannot be known.
func dead(host string, pid int, process string) bool {
	switch {
	case host != hostID():
		return false
	case pid == os.Getpid():
		return process != processID
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return runtime.GOOS == "windows" // elsewhere it never fails
	}
	defer p.Release()
	if runtime.GOOS == "windows" {
		return false
	}
	err = p.Signal(syscall.Signal(0))
	return errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH)
}

//go:build unix

package redis

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
)

// pidNamespace tells containers apart that share a host name.
var pidNamespace = func() string {
	namespace, _ := os.Readlink("/proc/self/ns/pid")
	return namespace
}()

// alive reports whether a process exists. When in doubt it does: its lease
// then has to run out.
func alive(pid int) bool {
	if err := syscall.Kill(pid, 0); err == syscall.ESRCH {
		return false
	}
	// A zombie was killed and waits for its parent to notice.
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, state, _ := bytes.Cut(stat[bytes.LastIndexByte(stat, '(')+1:], []byte(") "))
	return !bytes.HasPrefix(state, []byte("Z"))
}

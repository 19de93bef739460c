//go:build unix

package redis

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
)

// pidSpace tells where pids mean the same processes: containers and machines may
// share a host name. After a reboot it is another, and leases have to run out.
var pidSpace = func() string {
	namespace, _ := os.Readlink("/proc/self/ns/pid")
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return namespace + string(bytes.TrimSpace(boot))
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

package redis

import "syscall"

const pidSpace = ""

// alive reports whether a process exists. When in doubt it does: its lease
// then has to run out.
func alive(pid int) bool {
	const queryLimitedInformation, stillActive = 0x1000, 259
	const errInvalidParameter = syscall.Errno(87) // there is no such process
	process, err := syscall.OpenProcess(queryLimitedInformation, false, uint32(pid))
	if err != nil {
		return err != errInvalidParameter
	}
	defer syscall.CloseHandle(process)
	var code uint32
	if err := syscall.GetExitCodeProcess(process, &code); err != nil {
		return true
	}
	return code == stillActive
}

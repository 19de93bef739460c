package main

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// filePages is how many bytes of files are resident in the process.
func filePages() int {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	f := bytes.Fields(text)
	if len(f) < 3 {
		return 0
	}
	pages, _ := strconv.Atoi(string(f[2]))
	return pages * os.Getpagesize()
}

// releaseProgram unmaps the pages of the program's file, and returns of how many bytes of
// addresses. They are in the page cache, from where they come again when they are touched.
// A part in which a page was written, as by a debugger that stops there, is left alone:
// that is nowhere else.
func releaseProgram() (released int) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return 0
	}
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return 0
	}
	var from, to uint64
	for line := range strings.Lines(string(maps)) {
		f := strings.Fields(line)
		switch {
		case len(f) > 1 && !strings.HasSuffix(f[0], ":"): // a mapping, of which the following lines are
			from, to = 0, 0
			if first, last, ok := strings.Cut(f[0], "-"); ok && f[1][1] == '-' && strings.HasSuffix(line, " "+program+"\n") {
				from, _ = strconv.ParseUint(first, 16, 64)
				to, _ = strconv.ParseUint(last, 16, 64)
			}
		case from < to && len(f) > 1 && f[0] == "Anonymous:" && f[1] == "0":
			if _, _, errno := syscall.Syscall(syscall.SYS_MADVISE, uintptr(from), uintptr(to-from), syscall.MADV_DONTNEED); errno == 0 {
				released += int(to - from)
			}
		}
	}
	return released
}

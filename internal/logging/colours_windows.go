package logging

import (
	"os"
	"syscall"

	"github.com/mattn/go-isatty"
)

var setConsoleMode = syscall.NewLazyDLL("kernel32.dll").NewProc("SetConsoleMode")

// enableColours asks the console to understand escape sequences, as consoles
// before Windows 10 do not, and later ones only on request.
func enableColours(file *os.File) bool {
	const virtualTerminalProcessing = 0x4
	if isatty.IsCygwinTerminal(file.Fd()) {
		return true
	}
	var mode uint32
	if err := syscall.GetConsoleMode(syscall.Handle(file.Fd()), &mode); err != nil {
		return false
	}
	ok, _, _ := setConsoleMode.Call(file.Fd(), uintptr(mode|virtualTerminalProcessing))
	return ok != 0
}

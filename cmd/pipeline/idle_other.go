//go:build !linux

package main

// Other systems do not say what is mapped, or take it back by themselves.

func filePages() int      { return 0 }
func releaseProgram() int { return 0 }

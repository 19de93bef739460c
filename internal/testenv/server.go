package testenv

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A RedisServer is a Redis of the test's own, which may be killed, frozen and
// filled up.
type RedisServer struct {
	URL string

	tb   testing.TB
	addr string
	args []string
	cmd  *exec.Cmd
}

// StartRedis starts a Redis server on a free port, with settings such as
// "--appendonly", "yes". The test skips where there is none to start.
func StartRedis(tb testing.TB, settings ...string) *RedisServer {
	tb.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		tb.Skip("redis-server is not installed")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	addr := listener.Addr().String()
	listener.Close()
	_, port, _ := net.SplitHostPort(addr)
	s := &RedisServer{
		URL: "redis://" + addr + "/0", tb: tb, addr: addr,
		args: append([]string{"--port", port, "--bind", "127.0.0.1", "--dir", tb.TempDir(), "--save", ""}, settings...),
	}
	tb.Cleanup(s.Kill)
	s.Start()
	return s
}

// Start starts the server again after Kill, and waits until it answers.
func (s *RedisServer) Start() {
	s.tb.Helper()
	s.cmd = exec.Command("redis-server", s.args...)
	s.cmd.Stdout, s.cmd.Stderr = io.Discard, os.Stderr
	if err := s.cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if reply, err := s.ask("PING"); err == nil && strings.HasPrefix(reply, "+PONG") {
			return
		}
	}
	s.tb.Fatal("redis-server does not answer")
}

// Kill kills the server as a power cut would.
func (s *RedisServer) Kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

// Do sends a command of words without spaces, and wants +OK.
func (s *RedisServer) Do(command string) {
	s.tb.Helper()
	if reply, err := s.ask(command); err != nil || !strings.HasPrefix(reply, "+OK") {
		s.tb.Fatalf("%s: %q, %v", command, reply, err)
	}
}

func (s *RedisServer) ask(command string) (string, error) {
	conn, err := net.DialTimeout("tcp", s.addr, time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
		return "", err
	}
	return bufio.NewReader(conn).ReadString('\n')
}

package testenv

import (
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A Proxy stands between a test and a server, and is as bad a network as it is told.
type Proxy struct {
	URL string

	upstream string
	delay    atomic.Int64
	mute     atomic.Bool
	mu       sync.Mutex
	conns    map[net.Conn]bool
}

// NewProxy returns a proxy for the server of a URL.
func NewProxy(tb testing.TB, rawURL string) *Proxy {
	tb.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		tb.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{upstream: u.Host, conns: make(map[net.Conn]bool)}
	u.Host = listener.Addr().String()
	p.URL = u.String()
	tb.Cleanup(func() { listener.Close(); p.Break() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(client)
		}
	}()
	return p
}

// Delay makes each direction take so long.
func (p *Proxy) Delay(d time.Duration) { p.delay.Store(int64(d)) }

// Mute drops everything that the server says from now on, while it hears all.
func (p *Proxy) Mute(mute bool) { p.mute.Store(mute) }

// Break closes all connections.
func (p *Proxy) Break() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
	clear(p.conns)
}

func (p *Proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.upstream)
	if err != nil {
		client.Close()
		return
	}
	p.mu.Lock()
	p.conns[client], p.conns[server] = true, true
	p.mu.Unlock()
	go p.pipe(server, client, false)
	p.pipe(client, server, true)
}

// pipe copies what comes, each piece delayed by itself, as on a long line.
func (p *Proxy) pipe(to, from net.Conn, reply bool) {
	type piece struct {
		bytes []byte
		due   time.Time
	}
	pieces := make(chan piece, 10_000)
	go func() {
		defer close(pieces)
		for {
			buf := make([]byte, 64<<10)
			n, err := from.Read(buf)
			if n > 0 && !(reply && p.mute.Load()) {
				pieces <- piece{buf[:n], time.Now().Add(time.Duration(p.delay.Load()))}
			}
			if err != nil {
				return
			}
		}
	}()
	for piece := range pieces {
		time.Sleep(time.Until(piece.due))
		if _, err := to.Write(piece.bytes); err != nil && err != io.ErrShortWrite {
			break
		}
	}
	to.Close()
	from.Close()
	for range pieces {
	}
	p.mu.Lock()
	delete(p.conns, to)
	delete(p.conns, from)
	p.mu.Unlock()
}

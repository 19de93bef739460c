package redis_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"catalyst/internal/testenv"
)

// A proxy is a TCP connection to the Redis server that can break.
type proxy struct {
	tb       testing.TB
	url      string
	upstream string
	addr     string

	mu       sync.Mutex
	listener net.Listener // nil while cut
	conns    map[net.Conn]bool
}

func newProxy(tb testing.TB) *proxy {
	tb.Helper()
	u, err := url.Parse(testenv.Redis(tb))
	if err != nil {
		tb.Fatal(err)
	}
	p := &proxy{tb: tb, upstream: u.Host, addr: "127.0.0.1:0", conns: make(map[net.Conn]bool)}
	p.mend()
	u.Host = p.addr
	p.url = u.String()
	tb.Cleanup(p.cut)
	return p
}

// mend listens, at the same address as before.
func (p *proxy) mend() {
	listener, err := net.Listen("tcp", p.addr)
	if err != nil {
		p.tb.Fatal(err)
	}
	p.mu.Lock()
	p.listener, p.addr = listener, listener.Addr().String()
	p.mu.Unlock()
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", p.upstream)
			if err != nil {
				client.Close()
				continue
			}
			p.keep(client, server)
			go pipe(client, server)
			go pipe(server, client)
		}
	}()
}

func pipe(to, from net.Conn) {
	io.Copy(to, from)
	to.Close()
	from.Close()
}

func (p *proxy) keep(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.conns[c] = true
	}
}

// cut refuses connections and breaks those that are open.
func (p *proxy) cut() {
	p.mu.Lock()
	p.listener.Close()
	p.mu.Unlock()
	p.breakConnections()
}

func (p *proxy) breakConnections() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
	clear(p.conns)
}

// encrypted returns the URL of a TLS server that forwards to the proxy.
func (p *proxy) encrypted() string {
	server := httptest.NewUnstartedServer(nil) // for its certificate
	server.StartTLS()
	p.tb.Cleanup(server.Close)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: server.TLS.Certificates})
	if err != nil {
		p.tb.Fatal(err)
	}
	p.tb.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			inner, err := net.Dial("tcp", p.addr)
			if err != nil {
				client.Close()
				continue
			}
			go pipe(client, inner)
			go pipe(inner, client)
		}
	}()
	u, _ := url.Parse(p.url)
	u.Scheme, u.Host = "rediss", listener.Addr().String()
	return u.String()
}

package filing_test

import (
	"bytes"
	"testing"
	"time"

	"golang.org/x/net/html"

	"catalyst/internal/edgar/filing"
)

// BenchmarkRealFilings reads all real filings to items and chunks and, in the same run,
// only parses them to a tree; speed/parse is how the two compare, in bytes a second.
func BenchmarkRealFilings(b *testing.B) {
	files := realFilings(b)
	size := 0
	for name, body := range files {
		parts, err := filing.Split(body)
		if err != nil {
			b.Fatal(err)
		}
		files[name] = parts[0].Body // what both of them read
		size += len(files[name])
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	var reading, parsing time.Duration
	for b.Loop() {
		for _, body := range files {
			start := time.Now()
			d, err := filing.Parse(body)
			if err != nil {
				b.Fatal(err)
			}
			d.Items()
			d.Sections()
			d.Chunks(0)
			reading += time.Since(start)

			b.StopTimer()
			start = time.Now()
			if _, err := html.Parse(bytes.NewReader(body)); err != nil {
				b.Fatal(err)
			}
			parsing += time.Since(start)
			b.StartTimer()
		}
	}
	b.ReportMetric(parsing.Seconds()/reading.Seconds(), "speed/parse")
}

package filing_test

import (
	"fmt"
	"log"

	"catalyst/internal/edgar/filing"
)

func Example() {
	d, err := filing.Parse([]byte(`<html><body>
		<p><b>FORM 8-K</b></p>
		<p><b>Item 8.01. Other Events.</b></p>
		<p>The yard in Oar Harbor opened on May 4.</p>
		<p>SIGNATURE</p>
		</body></html>`))
	if err != nil {
		log.Fatal(err)
	}
	for _, item := range d.Items() {
		fmt.Println(item.Number, item.Title, item.Paragraphs())
	}
	// Output: 8.01 Other Events [The yard in Oar Harbor opened on May 4.]
}

package client

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"catalyst/internal/fetch"
)

var (
	indexPage = regexp.MustCompile(`^/Archives/edgar/data/(\d{1,10})/(?:\d{18}/)?(\d{10}-\d{2}-\d{6})(?:-index\.html?|\.txt)$`)
	folder    = regexp.MustCompile(`^/Archives/edgar/data/(\d{1,10})/(\d{10})(\d{2})(\d{6})/?$`)
)

// An AddressError says that an address is none of a filing on EDGAR.
type AddressError struct{ Address, Why string }

func (e *AddressError) Error() string { return fmt.Sprintf("%.200s %s", e.Address, e.Why) }

// Document returns what an address of EDGAR's archive shows: one document of a filing, or
// the full submission where the address is that of its index page, folder or text. Addresses of the
// viewer of inline XBRL are those of the document it shows.
//
// An error is an [AddressError] for an address that is none of the archive, a
// [MissingError] where there is no such submission, and else one of [Client.Get].
func (c *Client) Document(ctx context.Context, address string) ([]byte, error) {
	path, err := c.archived(address)
	if err != nil {
		return nil, err
	}
	if f, ok := filingAt(path); ok {
		return c.Submission(ctx, f)
	}
	answer, err := c.get(ctx, c.large, c.URL(path), fetch.Validators{})
	var status *fetch.StatusError
	switch {
	case errors.As(err, &status) && status.Code == 404:
		return nil, &AddressError{address, "is not there: EDGAR has no such document"}
	case err != nil:
		return nil, err
	case answer.Cut != nil:
		return nil, fmt.Errorf("get %s: %w", path, answer.Cut)
	}
	return answer.Body, nil
}

// archived returns the path of an address of EDGAR's archive.
func (c *Client) archived(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.User != nil {
		return "", &AddressError{address, "is no address"}
	}
	base, err := url.Parse(c.config.BaseURL)
	if err != nil {
		return "", err
	}
	host := strings.ToLower(u.Host)
	if host != strings.ToLower(base.Host) && !(c.config.BaseURL == official && host == "sec.gov") {
		return "", &AddressError{address, "is not on EDGAR, which is at " + c.config.BaseURL}
	}
	path := u.Path
	if path == "/ix" || path == "/ixviewer/ix.html" {
		path = u.Query().Get("doc")
	}
	if !strings.HasPrefix(path, "/Archives/edgar/data/") || strings.Contains(path, "..") {
		return "", &AddressError{address, "is no document of a filing: those are under " + c.config.BaseURL + "/Archives/edgar/data/"}
	}
	return (&url.URL{Path: path}).EscapedPath(), nil
}

// filingAt returns the filing whose index page, folder or full text a path is.
func filingAt(path string) (Filing, bool) {
	if m := indexPage.FindStringSubmatch(path); m != nil {
		return Filing{CIK: m[1], Accession: m[2]}, true
	}
	if m := folder.FindStringSubmatch(path); m != nil {
		return Filing{CIK: m[1], Accession: m[2] + "-" + m[3] + "-" + m[4]}, true
	}
	return Filing{}, false
}

package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"catalyst/internal/fetch"
)

// A Filing is what EDGAR keeps a submission under.
type Filing struct {
	Accession string // as 0001193125-25-123456
	CIK       string // of one of its filers, with or without leading zeros
}

func (f Filing) valid() bool {
	_, err := strconv.ParseUint(f.CIK, 10, 64)
	return err == nil && accessionForm.MatchString(f.Accession)
}

// path is where a filing's files are, without the last part of their names.
func (f Filing) path() string {
	return "/Archives/edgar/data/" + strings.TrimLeft(f.CIK, "0") + "/" + strings.ReplaceAll(f.Accession, "-", "") + "/" + f.Accession
}

// IndexURL returns the address of the page that lists the documents of a filing.
func (c *Client) IndexURL(f Filing) string { return c.URL(f.path() + "-index.htm") }

// A MissingError says that EDGAR has no such submission, or not yet.
type MissingError struct{ Filing Filing }

func (e *MissingError) Error() string {
	return "EDGAR has no submission " + e.Filing.Accession + " of " + e.Filing.CIK
}

// Submission returns the full submission text of a filing without what nobody reads in
// it: pictures, archives, spreadsheets and the data behind the figures. The filing itself
// and its exhibits stand before those, so a submission longer than the client's limit is read
// as far as that, and documents that are not whole are left out unless there is no other.
//
// An error is a [MissingError] where EDGAR has none, and else one of [Client.Get].
func (c *Client) Submission(ctx context.Context, f Filing) ([]byte, error) {
	if !f.valid() {
		return nil, &MissingError{f}
	}
	answer, err := c.get(ctx, c.large, c.URL(f.path()+".txt"), fetch.Validators{})
	var status *fetch.StatusError
	switch {
	case errors.As(err, &status) && status.Code == 404:
		return nil, &MissingError{f}
	case err != nil:
		return nil, err
	case answer.Cut != nil && !errors.Is(answer.Cut, fetch.ErrTooLarge):
		return nil, fmt.Errorf("get submission %s: %w", f.Accession, answer.Cut)
	case !isSubmission(answer.Body):
		return nil, fmt.Errorf("get submission %s: what came is no submission: %w", f.Accession, errUnexpected)
	}
	return readable(answer.Body), nil
}

// errUnexpected is a page where a submission should be: EDGAR is being repaired, or
// something stands between.
var errUnexpected = errors.New("EDGAR sends another page")

func isSubmission(body []byte) bool {
	head := body[:min(len(body), 4096)]
	return bytes.Contains(head, []byte("<SEC-HEADER>")) || bytes.Contains(head, []byte("<SEC-DOCUMENT>")) ||
		bytes.Contains(head, []byte("-----BEGIN PRIVACY-ENHANCED MESSAGE-----"))
}

var (
	documentBegins = []byte("<DOCUMENT>")
	documentEnds   = []byte("</DOCUMENT>")
	typeTag        = []byte("<TYPE>")
)

// readable returns a submission without the documents that nobody reads, and without
// one that is cut off if there is another.
func readable(submission []byte) []byte {
	header, rest, found := bytes.Cut(submission, documentBegins)
	if !found {
		return submission
	}
	out := append([]byte(nil), header...)
	for kept := 0; found; {
		document, after, whole := bytes.Cut(rest, documentEnds)
		if isReadable(document) && (whole || kept == 0) {
			kept++
			out = append(out, documentBegins...)
			out = append(out, document...)
			out = append(out, documentEnds...)
			out = append(out, '\n')
		}
		_, rest, found = bytes.Cut(after, documentBegins)
	}
	return out
}

func isReadable(document []byte) bool {
	_, kind, _ := bytes.Cut(document[:min(len(document), 4096)], typeTag)
	kind, _, _ = bytes.Cut(kind, []byte("\n"))
	switch kind := strings.ToUpper(string(bytes.TrimSpace(kind))); kind {
	case "GRAPHIC", "ZIP", "EXCEL", "XML", "JSON", "PDF", "XBRL":
		return false
	default:
		return !strings.HasPrefix(kind, "EX-101") && !strings.HasPrefix(kind, "EX-104")
	}
}

// Company asks for what EDGAR knows of a company, its recent filings with it, as JSON,
// unless the version known is still the newest. The errors are those of [Client.Get].
func (c *Client) Company(ctx context.Context, cik string, known fetch.Validators) (*fetch.Response, error) {
	return c.get(ctx, c.small, c.dataURL("/submissions/CIK"+cik+".json"), known)
}

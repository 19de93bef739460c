package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"catalyst/flows"
	"catalyst/internal/tickers"
	"catalyst/sources/edgar"
)

func sourceNames(plan *flows.Plan) (names []string) {
	for _, s := range plan.Sources {
		names = append(names, s.Name)
	}
	return names
}

// offline makes the sources of a plan ones that can read recorded polls, without the keys
// that asking would need, and that keep nothing but in folder.
func offline(plan *flows.Plan, folder string) error {
	for i, spec := range plan.Sources {
		c := furnished(spec.Config)
		if filings, ok := c.(edgar.Config); ok {
			if err := copyCompanies(filings.Dir, folder); err != nil {
				return err
			}
			filings.Dir = folder
			c = filings
		}
		plan.Sources[i].Config = c
	}
	return nil
}

// copyCompanies copies the list of companies, if there is one: a replay reads it and leaves it
// as it is.
func copyCompanies(from, to string) error {
	list, err := os.ReadFile(filepath.Join(from, tickers.File))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(to, tickers.File), list, 0o600)
	}
	if err != nil {
		return fmt.Errorf("copy list of companies: %w", err)
	}
	return nil
}

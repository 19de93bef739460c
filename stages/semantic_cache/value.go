package semanticcache

import (
	"encoding/json"
	"errors"
	"fmt"

	"catalyst/internal/news"
)

// A value is what is stored of a verdict. Version changes with its form, so that
// an older program's answers are misses and no surprises.
type value struct {
	Version  int            `json:"v"`
	Facts    string         `json:"facts,omitempty"`
	Analysis *news.Analysis `json:"analysis"`
}

const version = 1

func encode(a *news.Analysis, facts string) ([]byte, error) {
	data, err := json.Marshal(value{version, facts, a})
	if err != nil {
		return nil, fmt.Errorf("encode verdict: %w", err)
	}
	return data, nil
}

func decode(data []byte) (verdict *news.Analysis, facts string, err error) {
	var v value
	switch err := json.Unmarshal(data, &v); {
	case err != nil:
		return nil, "", fmt.Errorf("decode verdict: %w", err)
	case v.Version != version:
		return nil, "", fmt.Errorf("decode verdict: version %d, want %d", v.Version, version)
	case !v.Analysis.Done():
		return nil, "", errors.New("decode verdict: there is none in it")
	}
	v.Analysis.Cached = nil
	return v.Analysis, v.Facts, nil
}

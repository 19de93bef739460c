package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"catalyst/internal/fetch"
	"catalyst/internal/llm"
	"catalyst/internal/llm/anthropic"
	"catalyst/internal/llm/gemini"
	"catalyst/internal/llm/llamacpp"
	"catalyst/internal/llm/ollama"
	"catalyst/internal/llm/openai"
)

// providers asks each model's server whether it has the model, which costs nothing.
func (k *checks) providers(ctx context.Context) {
	for _, spec := range k.r.providers {
		if !spec.Enabled() {
			continue
		}
		provider, err := k.r.Provider(spec.Name)
		var missing *llm.NotConfiguredError
		if prober, ok := provider.(llm.Prober); ok && err == nil {
			ctx, cancel := context.WithTimeout(ctx, checkTime)
			err = prober.Available(ctx)
			cancel()
		}
		if errors.As(err, &missing) {
			k.done = append(k.done, finding{"provider", spec.Name, "off", missing.Reason})
			continue
		}
		if err == nil {
			err = hasModel(ctx, spec.Config)
		}
		detail := ""
		if provider != nil {
			detail = provider.Model()
		}
		k.add("provider", spec.Name, detail, err)
	}
}

// A catalogue is where a server tells of its models, and the header with the key.
type catalogue struct {
	address string
	header  http.Header
	model   string // to look for in the answer; empty if the address names it
}

// catalogueOf returns the catalogue of a provider, by the type of its configuration.
func catalogueOf(settings any) (c catalogue, ok bool) {
	bearer := func(key string) http.Header {
		if key == "" {
			return nil
		}
		return http.Header{"Authorization": {"Bearer " + key}}
	}
	at := func(base, otherwise, path string) string {
		return strings.TrimSuffix(cmp.Or(base, otherwise), "/") + path
	}
	switch s := settings.(type) {
	case anthropic.Config:
		return catalogue{at(s.BaseURL, "https://api.anthropic.com", "/v1/models/"+url.PathEscape(s.Model)),
			http.Header{"X-Api-Key": {s.Key.Reveal()}, "Anthropic-Version": {"2023-06-01"}}, ""}, true
	case gemini.Config:
		return catalogue{at(s.BaseURL, "https://generativelanguage.googleapis.com", "/v1beta/models/"+url.PathEscape(s.Model)),
			http.Header{"X-Goog-Api-Key": {s.Key.Reveal()}}, ""}, true
	case openai.Config:
		return catalogue{at(s.BaseURL, "", "/models"), bearer(s.Key.Reveal()), s.Model}, true
	case llamacpp.Config:
		return catalogue{at(s.BaseURL, "", "/v1/models"), bearer(s.Key.Reveal()), s.Model}, true
	case ollama.Config:
		return catalogue{at(s.BaseURL, "http://localhost:11434", "/api/tags"), bearer(s.Key.Reveal()), s.Model}, true
	}
	return catalogue{}, false
}

// hasModel asks a provider's server for its model.
func hasModel(ctx context.Context, settings any) error {
	c, ok := catalogueOf(settings)
	if !ok {
		return nil
	}
	client := &fetch.Client{Timeout: checkTime, MaxSize: 8 << 20, Header: c.header}
	answer, err := client.Get(ctx, c.address, fetch.Validators{})
	var status *fetch.StatusError
	switch {
	case errors.As(err, &status) && (status.Code == http.StatusUnauthorized || status.Code == http.StatusForbidden):
		return fmt.Errorf("%w; check its key", err)
	case errors.As(err, &status) && status.Code == http.StatusNotFound && c.model == "":
		return fmt.Errorf("%w; the model is not there: check its name", err)
	case err != nil:
		return err
	}
	if c.model != "" && !strings.Contains(string(answer.Body), `"`+c.model) && c.model != "default" {
		return fmt.Errorf("the server does not have the model %q", c.model)
	}
	return nil
}

// Package local looks after a model server at home: Ollama or llama.cpp. It loads
// the model before it is asked, notices when the server dies and when it returns,
// reads the GPU's memory, and recycles a model that leaks, spills or slows down.
//
// One goroutine for each provider, the only one that loads and unloads, looks at the
// server every few seconds and opens or shuts the gate that calls go through:
//
//	         answers                warm-up
//	down ──────────────▶ loading ──────────────▶ ready ◀─────────────┐
//	  ▲                     │ fails                │ a reason         │ warm-up
//	  │◀────────────────────┘                      ▼                  │
//	  │                                        recycling: drain ▸ unload ▸ freed
//	  │◀───────────────── does not answer ─────────┴──────────────────┘ fails
//
// While the gate is shut, calls are refused at once, with the class that sends them
// to the next tier; nothing waits for a model that is being loaded. A recycle is
// always bounded: it waits 30 s for calls under way and 30 s for the memory, and
// goes on with a warning if either was not enough. What does not help is done less
// and less often.
//
// A model that was unloaded because nobody asked for keep_alive long is left
// unloaded, as its owner may want the GPU. The next call is refused, so that it is
// answered elsewhere, and has the model loaded for those after it.
package local

// Package local looks after a model server at home: Ollama or llama.cpp. It loads
// the model before it is asked, notices when the server dies and when it returns,
// reads the GPU's memory, and recycles a model that leaks, spills or slows down.
package local

package news

// The ways of encoding/json, which the quick ones are held against.
var (
	DecodeAny = decodeAny
	EncodeAny = encodeAny
)

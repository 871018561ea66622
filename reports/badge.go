package reports

import (
	"encoding/json"
	"io"
	"strings"
)

// WriteBadge writes the answer that the endpoint badge of shields.io expects.
func WriteBadge(w io.Writer, r Result) error {
	var versions []string
	for _, v := range r.versions() {
		versions = append(versions, v.String())
	}
	color := "yellowgreen" // partial
	switch r.Overall {
	case Conforms:
		color = "brightgreen"
	case DoesNotConform:
		color = "red"
	case Undecided:
		color = "lightgrey"
	}
	return json.NewEncoder(w).Encode(struct {
		SchemaVersion int    `json:"schemaVersion"` // of shields.io
		Label         string `json:"label"`
		Message       string `json:"message"`
		Color         string `json:"color"`
	}{1, strings.TrimSpace("MQTT " + strings.Join(versions, " + ")), r.Overall, color})
}

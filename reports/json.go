package reports

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// Schema is the JSON schema (draft 2020-12) of result.json, for editors and other programs.
//
//go:embed schema/result.schema.json
var Schema []byte

// WriteJSON writes a result as result.json. Times are in RFC 3339, durations in nanoseconds.
func WriteJSON(w io.Writer, r Result) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("result.json: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// ReadResult reads a result.json. It refuses one of a schema version that this program does not know.
func ReadResult(path string) (Result, error) {
	var r Result
	content, err := os.ReadFile(path)
	if err != nil {
		return r, fmt.Errorf("result: %w", err)
	}
	var head struct {
		SchemaVersion *int `json:"schemaVersion"`
	}
	if err := json.Unmarshal(content, &head); err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	switch v := head.SchemaVersion; {
	case v == nil:
		return r, fmt.Errorf("%s is no result of mqttspec: it has no schemaVersion", path)
	case *v != SchemaVersion:
		return r, fmt.Errorf("%s has schema version %d; this mqttspec reads %d", path, *v, SchemaVersion)
	}
	if err := json.Unmarshal(content, &r); err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

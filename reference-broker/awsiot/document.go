package awsiot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"
)

// document is a JSON object that the service sends. Its keys are sorted when it is encoded.
type document map[string]any

// token adds the client token of the request, if it had one.
func (d document) token(token *string) document {
	if token != nil {
		d["clientToken"] = *token
	}
	return d
}

func (d document) encode() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(d); err != nil {
		panic(err) // it holds nothing but what came out of JSON
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// refusal is why a request is rejected.
type refusal struct {
	code    int
	message string
}

// request is what a client asks a shadow for.
type request struct {
	token             *string
	version           *int64
	state             map[string]any // as it came
	desired, reported *map[string]any
}

// readRequest reads the payload of a request. The request has its token also if it is refused, as far as that could
// be read.
func (s *Service) readRequest(operation string, key shadowKey, payload []byte) (r request, refused *refusal) {
	limits := s.o.Shadows
	switch {
	case longer(key.thing, limits.ThingName) || longer(key.name, limits.ShadowName):
		return r, &refusal{400, "Invalid name"}
	case operation != "update" && len(payload) == 0:
		return r, nil
	case !utf8.Valid(payload):
		return r, &refusal{415, "Unsupported documented encoding; supported encoding is UTF-8"}
	}
	var fields map[string]any
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber() // numbers come back as they were written
	if err := d.Decode(&fields); err != nil || fields == nil {
		return r, &refusal{400, "Invalid JSON"}
	}
	if _, err := d.Token(); err != io.EOF {
		return r, &refusal{400, "Invalid JSON"}
	}
	if token, given := fields["clientToken"]; given {
		text, ok := token.(string)
		if !ok || longer(text, limits.ClientToken) {
			return r, &refusal{400, "Invalid clientToken"}
		}
		r.token = &text
	}
	if version, given := fields["version"]; given {
		number, ok := version.(json.Number)
		n, err := number.Int64()
		if !ok || err != nil || n < 0 {
			return r, &refusal{400, "Invalid version"}
		}
		r.version = &n
	}
	if operation != "update" {
		return r, nil
	}
	if limits.DocumentSize > 0 && len(payload) > 2*limits.DocumentSize {
		return r, &refusal{413, "The payload exceeds the maximum size allowed"} // whatever it says, its state is too large
	}
	refused = r.readState(fields, limits.Depth)
	return r, refused
}

// readState reads the state that an update brings.
func (r *request) readState(fields map[string]any, depth int) *refusal {
	value, given := fields["state"]
	if !given || value == nil {
		return &refusal{400, "Missing required node: state"}
	}
	state, ok := value.(map[string]any)
	if !ok {
		return &refusal{400, "State node must be an object"}
	}
	for name, value := range state {
		var into **map[string]any
		var message string
		switch name {
		case "desired":
			into, message = &r.desired, "Desired node must be an object"
		case "reported":
			into, message = &r.reported, "Reported node must be an object"
		default:
			return &refusal{400, "State contains an invalid node"}
		}
		object, ok := value.(map[string]any)
		if value != nil && !ok {
			return &refusal{400, message}
		}
		if depth > 0 && levels(object) > depth {
			return &refusal{400, fmt.Sprintf("JSON contains too many levels of nesting; maximum is %d", depth)}
		}
		if nullInArray(object, false) {
			return &refusal{400, "State contains an invalid node"}
		}
		*into = &object // a nil map is null: the section goes
	}
	r.state = state
	return nil
}

// metadata is that of what the request brings.
func (r *request) metadata(now int64) document {
	d := document{}
	if r.desired != nil {
		d["desired"] = stamped(*r.desired, now)
	}
	if r.reported != nil {
		d["reported"] = stamped(*r.reported, now)
	}
	return d
}

func longer(text string, limit int) bool { return limit > 0 && len(text) > limit }

// levels is how deep objects lie in one another: {"a": 1} has one level.
func levels(value any) int {
	deepest := 0
	switch v := value.(type) {
	case map[string]any:
		for _, inner := range v {
			deepest = max(deepest, levels(inner))
		}
		if len(v) > 0 {
			deepest++
		}
	case []any:
		for _, inner := range v {
			deepest = max(deepest, levels(inner))
		}
	}
	return deepest
}

// nullInArray reports whether an array holds null, also further inside.
func nullInArray(value any, inside bool) bool {
	switch v := value.(type) {
	case nil:
		return inside
	case map[string]any:
		for _, inner := range v {
			if nullInArray(inner, inside) {
				return true
			}
		}
	case []any:
		for _, inner := range v {
			if nullInArray(inner, true) {
				return true
			}
		}
	}
	return false
}

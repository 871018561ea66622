package device

import (
	"encoding/json"
	"io"
	"net/http"
)

// clientStatus is a device in the API.
type clientStatus struct {
	Client    string `json:"client"`
	MQTT      string `json:"mqtt"`
	Connected bool   `json:"connected"`
}

// maxRequest bounds the body of a request to the API, in bytes.
const maxRequest = 1 << 20

// API returns a handler for looking at the devices and misbehaving while they are tested.
//
//	GET  /clients                      the devices that have come so far
//	POST /do?client=ID                 an instruction of a plan, as JSON or YAML, such as {"disconnect": {"code": 139}}
//
// Without a client the instruction is for all of them. What stays in force does so until the step that runs ends, or
// {"release": {}}. An error is {"error": text} with status 400.
func (b *Bench) API() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /clients", func(w http.ResponseWriter, _ *http.Request) {
		list := []clientStatus{}
		for _, c := range b.Clients() {
			list = append(list, clientStatus{c.ID, c.Version().String(), c.Connected()})
		}
		reply(w, http.StatusOK, list)
	})
	mux.HandleFunc("POST /do", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
		var in Instruction
		if err == nil {
			in, err = ParseInstruction(body)
		}
		if err == nil {
			err = b.Do(r.URL.Query().Get("client"), in)
		}
		if err != nil {
			reply(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return http.NewCrossOriginProtection().Handler(mux) // no page in a browser may disturb a test
}

// reply writes a value as JSON. That the asker is gone need not interest us.
func reply(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // a client that is gone needs no answer
}

package awsiot

import (
	"crypto/sha1" // RFC 6455 has it; nothing is kept secret by it
	"encoding/base64"
	"net/http"
)

// subprotocol3 is the WebSocket subprotocol of MQTT before 3.1.1.
const subprotocol3 = "mqttv3.1"

// admitSDK lets AWSIoTPythonSDK open WebSockets, as the service does. Its handshake offers the subprotocol mqttv3.1,
// where the standard demands mqtt (v311:MQTT-6.0.0-3), and a Sec-WebSocket-Key of 128 bytes, where RFC 6455 has 16; and it
// wants sec-websocket-accept in lower case in the answer, though case says nothing in HTTP. next gets a handshake as it
// should be.
func admitSDK(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Sec-WebSocket-Protocol") != subprotocol3 {
			next.ServeHTTP(w, r)
			return
		}
		answer := &sdkAnswer{ResponseWriter: w, accept: acceptKey(r.Header.Get("Sec-WebSocket-Key"))}
		r = r.Clone(r.Context())
		r.Header.Set("Sec-WebSocket-Protocol", "mqtt")
		r.Header.Set("Sec-WebSocket-Key", base64.StdEncoding.EncodeToString(make([]byte, 16)))
		next.ServeHTTP(answer, r)
	})
}

// acceptKey is the Sec-WebSocket-Accept that belongs to a key.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// sdkAnswer answers the handshake that the client has sent instead of the one that the handler has seen.
type sdkAnswer struct {
	http.ResponseWriter
	accept string
}

func (a *sdkAnswer) WriteHeader(status int) {
	if status == http.StatusSwitchingProtocols {
		a.Header().Del("Sec-WebSocket-Accept")
		a.Header()["sec-websocket-accept"] = []string{a.accept} // not by Set, which would write capitals
		a.Header().Set("Sec-WebSocket-Protocol", subprotocol3)
	}
	a.ResponseWriter.WriteHeader(status)
}

// Unwrap lets the handler take over the connection.
func (a *sdkAnswer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

package awsiot

import (
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
	broker "github.com/mqttspec/mqttspec/reference-broker"
)

// ShadowLimits bound the shadows. 0 is no limit.
type ShadowLimits struct {
	DocumentSize int // bytes of a state document, without metadata
	Depth        int // levels below desired and below reported
	ThingName    int // length in bytes
	ShadowName   int // length in bytes
	ClientToken  int // length in bytes
	// VersionLife is how long the version of a deleted shadow is remembered: one that is made again within that time
	// goes on from there.
	VersionLife time.Duration
	// Shadows is how many there may be at once, deleted ones that are remembered included. One more is refused with
	// code 429.
	Shadows int
}

// shadowKey names a shadow. A classic one has no name.
type shadowKey struct{ thing, name string }

// prefix is what the topics of the shadow begin with.
func (k shadowKey) prefix() string {
	if k.name == "" {
		return "$aws/things/" + k.thing + "/shadow/"
	}
	return "$aws/things/" + k.thing + "/shadow/name/" + k.name + "/"
}

// shadow is what the service knows of one shadow.
type shadow struct {
	deleted time.Time // zero while it exists
	version int64     // of the last update
	desired section
	report  section
}

// shadowRequest takes apart a topic of a request: $aws/things/{thing}/shadow[/name/{name}]/{operation}.
func shadowRequest(topic string) (key shadowKey, operation string, ok bool) {
	levels := strings.Split(topic, "/")
	if len(levels) < 5 || levels[0] != "$aws" || levels[1] != "things" || levels[2] == "" || levels[3] != "shadow" {
		return key, "", false
	}
	key.thing = levels[2]
	switch {
	case len(levels) == 5:
		operation = levels[4]
	case len(levels) == 7 && levels[4] == "name" && levels[5] != "":
		key.name, operation = levels[5], levels[6]
	}
	return key, operation, operation == "get" || operation == "update" || operation == "delete"
}

// askShadow carries out a request and returns what the service publishes.
func (s *Service) askShadow(m broker.Message) []wire.Publish {
	key, operation, ok := shadowRequest(m.Topic)
	if !ok {
		return nil
	}
	request, refused := s.readRequest(operation, key, m.Payload)
	var answers []answer
	if refused == nil {
		switch operation {
		case "get":
			answers, refused = s.getShadow(key, request)
		case "update":
			answers, refused = s.updateShadow(key, request)
		case "delete":
			answers, refused = s.deleteShadow(key, request)
		}
	}
	if refused != nil {
		answers = []answer{{operation + "/rejected", document{
			"code": refused.code, "message": refused.message, "timestamp": seconds(time.Now()),
		}.token(request.token)}}
	}
	published := make([]wire.Publish, len(answers))
	for i, a := range answers {
		published[i] = wire.Publish{Topic: key.prefix() + a.topic, QoS: wire.QoS1, Payload: a.payload.encode()}
	}
	return published
}

// answer is one message of the service, below the shadow's prefix.
type answer struct {
	topic   string
	payload document
}

// find returns a shadow, or what is remembered of a deleted one; nil if there is nothing.
func (s *Service) find(key shadowKey) *shadow {
	found := s.shadows[key]
	if found != nil && !found.deleted.IsZero() && time.Since(found.deleted) >= s.o.Shadows.VersionLife {
		delete(s.shadows, key)
		return nil
	}
	return found
}

func (s *Service) existing(key shadowKey) (*shadow, *refusal) {
	found := s.find(key)
	if found == nil || !found.deleted.IsZero() {
		name := key.thing
		if key.name != "" {
			name += "~" + key.name
		}
		return nil, &refusal{404, "No shadow exists with name: '" + name + "'"}
	}
	return found, nil
}

func (s *Service) getShadow(key shadowKey, r request) ([]answer, *refusal) {
	found, refused := s.existing(key)
	if refused != nil {
		return nil, refused
	}
	whole := found.document()
	whole["timestamp"] = seconds(time.Now())
	if differing, _ := found.delta(); len(differing) > 0 {
		whole["state"].(document)["delta"] = differing
	}
	return []answer{{"get/accepted", whole.token(r.token)}}, nil
}

func (s *Service) deleteShadow(key shadowKey, r request) ([]answer, *refusal) {
	found, refused := s.existing(key)
	if refused != nil {
		return nil, refused
	}
	if r.version != nil && *r.version != found.version {
		return nil, &refusal{409, "Version conflict"}
	}
	now := time.Now()
	s.shadows[key] = &shadow{deleted: now, version: found.version}
	return []answer{{"delete/accepted", document{"version": found.version, "timestamp": seconds(now)}.token(r.token)}}, nil
}

func (s *Service) updateShadow(key shadowKey, r request) ([]answer, *refusal) {
	old := s.find(key)
	if old == nil {
		if limit := s.o.Shadows.Shadows; limit > 0 && len(s.shadows) >= limit {
			return nil, &refusal{429, "Too many shadows"}
		}
		old = &shadow{}
	}
	if r.version != nil && *r.version != old.version {
		return nil, &refusal{409, "Version conflict"}
	}
	now := seconds(time.Now())
	updated := &shadow{version: old.version + 1, desired: old.desired.merge(r.desired, now), report: old.report.merge(r.reported, now)}
	if limit := s.o.Shadows.DocumentSize; limit > 0 && len(updated.state().encode()) > limit {
		return nil, &refusal{413, "The payload exceeds the maximum size allowed"}
	}
	s.shadows[key] = updated

	accepted := document{
		"state": r.state, "metadata": r.metadata(now), "version": updated.version, "timestamp": now,
	}
	answers := []answer{
		{"update/accepted", accepted.token(r.token)},
		{"update/documents", document{"previous": old.document(), "current": updated.document(), "timestamp": now}.token(r.token)},
	}
	if differing, metadata := updated.delta(); len(differing) > 0 {
		delta := document{"state": differing, "metadata": metadata, "version": updated.version, "timestamp": now}
		answers = append(answers, answer{"update/delta", delta.token(r.token)})
	}
	return answers, nil
}

// state is the state document.
func (s *shadow) state() document {
	d := document{}
	if len(s.desired.state) > 0 {
		d["desired"] = s.desired.state
	}
	if len(s.report.state) > 0 {
		d["reported"] = s.report.state
	}
	return d
}

// document is the whole of a shadow.
func (s *shadow) document() document {
	metadata := document{}
	if len(s.desired.state) > 0 {
		metadata["desired"] = s.desired.metadata
	}
	if len(s.report.state) > 0 {
		metadata["reported"] = s.report.metadata
	}
	return document{"state": s.state(), "metadata": metadata, "version": s.version}
}

// delta is what is desired and not reported so, with its metadata.
func (s *shadow) delta() (state, metadata map[string]any) {
	state = difference(s.desired.state, s.report.state)
	return state, described(state, s.desired.metadata)
}

// seconds is a time as shadows have it.
func seconds(t time.Time) int64 { return t.Unix() }

package awsiot

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
	broker "github.com/mqttspec/mqttspec/reference-broker"
)

// JobLimits bound the jobs. 0 is no limit.
type JobLimits struct {
	Jobs   int // how many executions there may be, of all things; one more is not made
	Listed int // how many executions a notification lists at most
}

// newJob is the topic under which a job is made, with its document as payload: the service has no MQTT topic for that.
// Its levels are those of $aws, so a thing and a job stand where they stand there.
const newJob = "$mqttspec/things/+/jobs/+"

// The states of an execution.
const (
	queued     = "QUEUED"
	inProgress = "IN_PROGRESS"
)

// execution is a job on one thing. The broker's lock guards it.
type execution struct {
	job, thing               string
	document                 json.RawMessage
	status                   string
	details                  json.RawMessage // nil: none
	queued, started, updated time.Time
	version                  int64
}

// pending reports whether the execution is not over.
func (e *execution) pending() bool { return e.status == queued || e.status == inProgress }

// jobRequest is what a client asks for.
type jobRequest struct {
	Token           *string         `json:"clientToken"`
	Status          string          `json:"status"`
	Details         json.RawMessage `json:"statusDetails"`
	ExpectedVersion *int64          `json:"expectedVersion"`
	IncludeState    bool            `json:"includeJobExecutionState"`
	IncludeDocument *bool           `json:"includeJobDocument"`
}

// jobRefusal is why a request is rejected.
type jobRefusal struct {
	code, message string
	execution     *execution // whose state the answer tells; nil: none
}

// askJobs carries out what a message asks of the jobs, if it is for them, and returns what the service publishes. One
// that makes a job is kept from subscribers.
func (s *Service) askJobs(m broker.Message) (follow []wire.Publish, consumed bool) {
	levels := strings.Split(m.Topic, "/")
	if wire.Matches(newJob, m.Topic) && levels[2] != "" && levels[4] != "" {
		return s.makeJob(levels[2], levels[4], m.Payload), true
	}
	if len(levels) < 5 || levels[0] != "$aws" || levels[1] != "things" || levels[2] == "" || levels[3] != "jobs" {
		return nil, false
	}
	thing, operation := levels[2], strings.Join(levels[4:], "/")
	var r jobRequest
	var answer document
	var refused *jobRefusal
	before := s.next(thing)
	changed := false
	if err := json.Unmarshal(m.Payload, &r); err != nil && len(m.Payload) > 0 {
		refused = &jobRefusal{code: "InvalidJson", message: "The request is no JSON object"}
	}
	job, of, named := strings.Cut(operation, "/")
	switch {
	case operation != "get" && operation != "start-next" && (!named || of != "get" && of != "update"):
		return nil, false // an answer, or a topic that is no request
	case refused != nil:
	case operation == "get":
		answer = s.pendingJobs(thing)
	case operation == "start-next":
		answer, changed = s.startNext(thing, r)
	case of == "get":
		answer, refused = s.describeJob(thing, job, r)
	default:
		answer, changed, refused = s.updateJob(thing, job, r)
	}
	result := "/accepted"
	if refused != nil {
		result, answer = "/rejected", document{"code": refused.code, "message": refused.message}
		if refused.execution != nil {
			answer["executionState"] = refused.execution.state()
		}
	}
	answer["timestamp"] = seconds(time.Now())
	follow = append(follow, wire.Publish{Topic: m.Topic + result, QoS: wire.QoS1, Payload: answer.token(r.Token).encode()})
	if changed {
		follow = append(follow, s.notices(thing, before)...)
	}
	return follow, false
}

// makeJob queues a job for a thing. One that has been made already, or one too many, is passed over.
func (s *Service) makeJob(thing, job string, payload []byte) []wire.Publish {
	limit := s.o.Jobs.Jobs
	if s.findJob(thing, job) != nil || limit > 0 && len(s.jobs) >= limit {
		s.o.Log.Warn("a job is not made: there is one of that name, or there are too many", "thing", thing, "job", job)
		return nil
	}
	if !json.Valid(payload) {
		payload, _ = json.Marshal(string(payload)) // of text
	}
	before, now := s.next(thing), time.Now()
	s.jobs = append(s.jobs, &execution{job: job, thing: thing, document: slices.Clone(payload), status: queued, queued: now, updated: now, version: 1})
	return s.notices(thing, before)
}

func (s *Service) findJob(thing, job string) *execution {
	for _, e := range s.jobs {
		if e.thing == thing && e.job == job {
			return e
		}
	}
	return nil
}

// pendingOf returns the executions of a thing that are not over: those in progress first.
func (s *Service) pendingOf(thing, status string) (all []*execution) {
	for _, e := range s.jobs {
		if e.thing == thing && e.status == status {
			all = append(all, e)
		}
	}
	return all
}

// next returns the execution that is next, or nil.
func (s *Service) next(thing string) *execution {
	if all := append(s.pendingOf(thing, inProgress), s.pendingOf(thing, queued)...); len(all) > 0 {
		return all[0]
	}
	return nil
}

// notices tell of a change: the list always, the next one if it is another than before.
func (s *Service) notices(thing string, before *execution) []wire.Publish {
	now, prefix := seconds(time.Now()), "$aws/things/"+thing+"/jobs/"
	jobs := document{}
	left := s.o.Jobs.Listed
	for _, status := range []string{inProgress, queued} {
		all := s.pendingOf(thing, status)
		if limit := s.o.Jobs.Listed; limit > 0 {
			all = all[:min(len(all), left)]
			left -= len(all)
		}
		if len(all) > 0 {
			jobs[status] = summaries(all)
		}
	}
	list := document{"timestamp": now, "jobs": jobs}
	follow := []wire.Publish{{Topic: prefix + "notify", QoS: wire.QoS1, Payload: list.encode()}}
	after := s.next(thing)
	if after == before {
		return follow
	}
	notice := document{"timestamp": now}
	if after != nil {
		notice["execution"] = after.whole(true)
	}
	return append(follow, wire.Publish{Topic: prefix + "notify-next", QoS: wire.QoS1, Payload: notice.encode()})
}

func summaries(all []*execution) (list []document) {
	list = []document{}
	for _, e := range all {
		list = append(list, e.summary())
	}
	return list
}

func (e *execution) summary() document {
	d := document{"jobId": e.job, "queuedAt": seconds(e.queued), "lastUpdatedAt": seconds(e.updated), "versionNumber": e.version, "executionNumber": 1}
	if !e.started.IsZero() {
		d["startedAt"] = seconds(e.started)
	}
	return d
}

func (e *execution) state() document {
	d := document{"status": e.status, "versionNumber": e.version}
	if e.details != nil {
		d["statusDetails"] = e.details
	}
	return d
}

// whole is all that is known of the execution.
func (e *execution) whole(withDocument bool) document {
	d := e.summary()
	d["thingName"], d["status"] = e.thing, e.status
	if e.details != nil {
		d["statusDetails"] = e.details
	}
	if withDocument {
		d["jobDocument"] = e.document
	}
	return d
}

func (s *Service) pendingJobs(thing string) document {
	return document{"inProgressJobs": summaries(s.pendingOf(thing, inProgress)), "queuedJobs": summaries(s.pendingOf(thing, queued))}
}

func (s *Service) startNext(thing string, r jobRequest) (answer document, changed bool) {
	e := s.next(thing)
	if e == nil {
		return document{}, false
	}
	if changed = e.status == queued; changed {
		e.start(inProgress, r)
	}
	return document{"execution": e.whole(true)}, changed
}

// start gives the execution another status.
func (e *execution) start(status string, r jobRequest) {
	e.status, e.updated = status, time.Now()
	if e.started.IsZero() {
		e.started = e.updated
	}
	if r.Details != nil {
		e.details = r.Details
	}
	e.version++
}

func (s *Service) describeJob(thing, job string, r jobRequest) (document, *jobRefusal) {
	e := s.findJob(thing, job)
	switch {
	case job == "$next":
		if e = s.next(thing); e == nil {
			return document{}, nil
		}
	case e == nil:
		return nil, &jobRefusal{code: "ResourceNotFound", message: "There is no such job for the thing"}
	case !e.pending():
		return nil, &jobRefusal{"TerminalStateReached", "The execution is over", e}
	}
	return document{"execution": e.whole(r.IncludeDocument == nil || *r.IncludeDocument)}, nil
}

func (s *Service) updateJob(thing, job string, r jobRequest) (answer document, changed bool, refused *jobRefusal) {
	e := s.findJob(thing, job)
	switch {
	case e == nil:
		return nil, false, &jobRefusal{code: "ResourceNotFound", message: "There is no such job for the thing"}
	case !slices.Contains([]string{inProgress, "FAILED", "SUCCEEDED", "REJECTED"}, r.Status):
		return nil, false, &jobRefusal{code: "InvalidRequest", message: "A device cannot set this status"}
	case !e.pending():
		return nil, false, &jobRefusal{"InvalidStateTransition", "The execution is over", e}
	case r.ExpectedVersion != nil && *r.ExpectedVersion != e.version:
		return nil, false, &jobRefusal{"VersionMismatch", "The execution has another version", e}
	}
	e.start(r.Status, r)
	answer = document{}
	if r.IncludeState {
		answer["executionState"] = e.state()
	}
	if r.IncludeDocument != nil && *r.IncludeDocument {
		answer["jobDocument"] = e.document
	}
	return answer, true, nil
}

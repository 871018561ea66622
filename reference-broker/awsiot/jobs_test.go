package awsiot

import (
	"testing"
	"testing/synctest"
	"time"

	broker "github.com/mqttspec/mqttspec/reference-broker"
)

const jobsOf = "$aws/things/lamp/jobs/"

// newJobFor makes a job and checks that nobody else sees the message.
func newJobFor(t *testing.T, s *Service, job, document string, want ...said) {
	t.Helper()
	follow, consumed := s.Published(broker.Message{Topic: "$mqttspec/things/lamp/jobs/" + job, Payload: []byte(document)})
	if !consumed {
		t.Errorf("making the job %s is not kept from subscribers", job)
	}
	expect(t, "new job "+job, follow, want...)
}

// TestJob takes a job from its making to its end, with what is refused on the way.
func TestJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := service(t, Options{Jobs: &JobLimits{Jobs: 3, Listed: 2}})
		expect(t, "start-next without jobs", ask(t, s, jobsOf+"start-next", `{"clientToken":"a"}`),
			said{jobsOf + "start-next/accepted", at(`{"timestamp":T0,"clientToken":"a"}`)})
		newJobFor(t, s, "one", `{"operation":"blink"}`,
			said{jobsOf + "notify", at(`{"timestamp":T0,"jobs":{"QUEUED":[{"jobId":"one","queuedAt":T0,"lastUpdatedAt":T0,"versionNumber":1,"executionNumber":1}]}}`)},
			said{jobsOf + "notify-next", at(`{"timestamp":T0,"execution":{"jobId":"one","thingName":"lamp","status":"QUEUED","queuedAt":T0,"lastUpdatedAt":T0,"versionNumber":1,"executionNumber":1,"jobDocument":{"operation":"blink"}}}`)})
		newJobFor(t, s, "one", `{}`)
		newJobFor(t, s, "two", `no JSON`,
			said{jobsOf + "notify", at(`{"timestamp":T0,"jobs":{"QUEUED":[{"jobId":"one","queuedAt":T0,"lastUpdatedAt":T0,"versionNumber":1,"executionNumber":1},{"jobId":"two","queuedAt":T0,"lastUpdatedAt":T0,"versionNumber":1,"executionNumber":1}]}}`)})
		time.Sleep(time.Second)
		expect(t, "get", ask(t, s, jobsOf+"get", ""), said{jobsOf + "get/accepted", at(`{"timestamp":T1,"inProgressJobs":[],"queuedJobs":[
			{"jobId":"one","queuedAt":T0,"lastUpdatedAt":T0,"versionNumber":1,"executionNumber":1},{"jobId":"two","queuedAt":T0,"lastUpdatedAt":T0,"versionNumber":1,"executionNumber":1}]}`)})
		expect(t, "start-next", ask(t, s, jobsOf+"start-next", `{"statusDetails":{"a":"b"}}`),
			said{jobsOf + "start-next/accepted", at(`{"timestamp":T1,"execution":{"jobId":"one","thingName":"lamp","status":"IN_PROGRESS","statusDetails":{"a":"b"},"queuedAt":T0,"startedAt":T1,"lastUpdatedAt":T1,"versionNumber":2,"executionNumber":1,"jobDocument":{"operation":"blink"}}}`)},
			said{jobsOf + "notify", at(`{"timestamp":T1,"jobs":{"IN_PROGRESS":[{"jobId":"one","queuedAt":T0,"startedAt":T1,"lastUpdatedAt":T1,"versionNumber":2,"executionNumber":1}],"QUEUED":[{"jobId":"two","queuedAt":T0,"lastUpdatedAt":T0,"versionNumber":1,"executionNumber":1}]}}`)})
		expect(t, "start-next again", ask(t, s, jobsOf+"start-next", ``),
			said{jobsOf + "start-next/accepted", at(`{"timestamp":T1,"execution":{"jobId":"one","thingName":"lamp","status":"IN_PROGRESS","statusDetails":{"a":"b"},"queuedAt":T0,"startedAt":T1,"lastUpdatedAt":T1,"versionNumber":2,"executionNumber":1,"jobDocument":{"operation":"blink"}}}`)})
		expect(t, "another version", ask(t, s, jobsOf+"one/update", `{"status":"SUCCEEDED","expectedVersion":1,"clientToken":"c"}`),
			said{jobsOf + "one/update/rejected", at(`{"timestamp":T1,"code":"VersionMismatch","message":"The execution has another version","clientToken":"c","executionState":{"status":"IN_PROGRESS","versionNumber":2,"statusDetails":{"a":"b"}}}`)})
		expect(t, "a status that is not for devices", ask(t, s, jobsOf+"one/update", `{"status":"QUEUED"}`),
			said{jobsOf + "one/update/rejected", at(`{"timestamp":T1,"code":"InvalidRequest","message":"A device cannot set this status"}`)})
		expect(t, "done", ask(t, s, jobsOf+"one/update", `{"status":"SUCCEEDED","expectedVersion":2,"includeJobExecutionState":true,"includeJobDocument":true}`),
			said{jobsOf + "one/update/accepted", at(`{"timestamp":T1,"executionState":{"status":"SUCCEEDED","versionNumber":3,"statusDetails":{"a":"b"}},"jobDocument":{"operation":"blink"}}`)},
			said{jobsOf + "notify", at(`{"timestamp":T1,"jobs":{"QUEUED":[{"jobId":"two","queuedAt":T0,"lastUpdatedAt":T0,"versionNumber":1,"executionNumber":1}]}}`)},
			said{jobsOf + "notify-next", at(`{"timestamp":T1,"execution":{"jobId":"two","thingName":"lamp","status":"QUEUED","queuedAt":T0,"lastUpdatedAt":T0,"versionNumber":1,"executionNumber":1,"jobDocument":"no JSON"}}`)})
		expect(t, "done again", ask(t, s, jobsOf+"one/update", `{"status":"FAILED"}`),
			said{jobsOf + "one/update/rejected", at(`{"timestamp":T1,"code":"InvalidStateTransition","message":"The execution is over","executionState":{"status":"SUCCEEDED","versionNumber":3,"statusDetails":{"a":"b"}}}`)})
		expect(t, "described when it is over", ask(t, s, jobsOf+"one/get", ``),
			said{jobsOf + "one/get/rejected", at(`{"timestamp":T1,"code":"TerminalStateReached","message":"The execution is over","executionState":{"status":"SUCCEEDED","versionNumber":3,"statusDetails":{"a":"b"}}}`)})
		expect(t, "the next one without its document", ask(t, s, jobsOf+"$next/get", `{"includeJobDocument":false}`),
			said{jobsOf + "$next/get/accepted", at(`{"timestamp":T1,"execution":{"jobId":"two","thingName":"lamp","status":"QUEUED","queuedAt":T0,"lastUpdatedAt":T0,"versionNumber":1,"executionNumber":1}}`)})
		expect(t, "unknown", ask(t, s, jobsOf+"three/update", `{"status":"FAILED"}`),
			said{jobsOf + "three/update/rejected", at(`{"timestamp":T1,"code":"ResourceNotFound","message":"There is no such job for the thing"}`)})
		expect(t, "no JSON", ask(t, s, jobsOf+"get", `{`), said{jobsOf + "get/rejected", at(`{"timestamp":T1,"code":"InvalidJson","message":"The request is no JSON object"}`)})
		for _, topic := range []string{"notify", "one/update/accepted", "one", "one/get/rejected"} {
			expect(t, topic, ask(t, s, jobsOf+topic, `{}`))
		}
		expect(t, "rejected by the device, nothing left", ask(t, s, jobsOf+"two/update", `{"status":"REJECTED"}`),
			said{jobsOf + "two/update/accepted", at(`{"timestamp":T1}`)},
			said{jobsOf + "notify", at(`{"timestamp":T1,"jobs":{}}`)},
			said{jobsOf + "notify-next", at(`{"timestamp":T1}`)})
	})
}

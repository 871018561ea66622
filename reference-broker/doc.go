// Package broker is a complete MQTT 3.1.1 and 5.0 server in memory, written to be read beside the standard: the id of
// a normative statement stands in a comment on the line that obeys it.
//
// It is the measure of a test suite. A [Defect] is a named breach of a statement that can be switched on at exactly
// that line, so that the suite can show that it would be noticed. A [Tolerance] is a named choice that the standard
// leaves to servers, so that the suite can show that it does not take it for a breach.
//
// One mutex guards all state. It is never held across I/O, a channel operation or a sleep: whatever happens appends
// packets to the outgoing queues of connections, and one goroutine for each connection writes them. Timers fire at
// the instant at which something is due. The broker therefore runs in the virtual time of testing/synctest.
package broker

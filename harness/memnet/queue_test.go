package memnet

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func TestQueueKeepsBytesInOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var q queue
	var model []byte
	next := byte(0)
	for step := range 20_000 {
		// Alternate between phases that fill and phases that empty the queue.
		if step/500%2 == 0 {
			p := make([]byte, random.IntN(9000))
			for i := range p {
				p[i] = next
				next += 3
			}
			q.push(p)
			model = append(model, p...)
		} else {
			p := make([]byte, random.IntN(12000))
			n := q.pop(p)
			if want := min(len(p), len(model)); n != want || !bytes.Equal(p[:n], model[:n]) {
				t.Fatalf("step %d: pop gave %d bytes, want %d of the model's", step, n, want)
			}
			model = model[n:]
		}
		if q.size != len(model) {
			t.Fatalf("step %d: size %d, want %d", step, q.size, len(model))
		}
		// At most one chunk at either end is partly used.
		if held := q.chunks() * chunkSize; held > len(model)+2*chunkSize {
			t.Fatalf("step %d: %d bytes of memory for %d", step, held, len(model))
		}
	}
}

func TestEmptyQueueHoldsNoMemory(t *testing.T) {
	for name, empty := range map[string]func(*queue){
		"read":    func(q *queue) { q.pop(make([]byte, q.size)) },
		"cleared": (*queue).clear,
	} {
		for _, size := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 2 * chunkSize, 200_000} {
			var q queue
			q.push(make([]byte, size))
			empty(&q)
			if q != (queue{end: q.end}) {
				t.Errorf("%d bytes %s: %d chunks, size %d", size, name, q.chunks(), q.size)
			}
		}
	}
}

func (q *queue) chunks() (n int) {
	for c := q.head; c != nil; c = c.next {
		n++
	}
	return n
}

package memnet

import "sync"

// queue is a queue of bytes in chunks of one size. Bytes are never moved inside
// it, and an empty queue holds no memory.
type queue struct {
	head, tail *chunk
	start      int // index in head of the oldest byte
	end        int // index in tail after the newest byte
	size       int // bytes held
}

// chunkSize makes a chunk fill one size class of the allocator.
const chunkSize = 4096 - 8

type chunk struct {
	next *chunk
	data [chunkSize]byte
}

// chunks saves the clearing of memory that is overwritten at once.
var chunks = sync.Pool{New: func() any { return new(chunk) }}

// push appends p.
func (q *queue) push(p []byte) {
	q.size += len(p)
	for len(p) > 0 {
		if q.tail == nil || q.end == chunkSize {
			q.grow()
		}
		n := copy(q.tail.data[q.end:], p)
		q.end += n
		p = p[n:]
	}
}

func (q *queue) grow() {
	c := chunks.Get().(*chunk)
	if q.tail == nil {
		q.head, q.start = c, 0
	} else {
		q.tail.next = c
	}
	q.tail, q.end = c, 0
}

// pop moves the oldest bytes to p and returns how many.
func (q *queue) pop(p []byte) int {
	p = p[:min(len(p), q.size)]
	for rest := p; len(rest) > 0; {
		n := copy(rest, q.head.data[q.start:])
		rest = rest[n:]
		q.start += n
		q.size -= n
		if q.start == chunkSize || q.size == 0 {
			q.shrink()
		}
	}
	return len(p)
}

// shrink gives the oldest chunk back.
func (q *queue) shrink() {
	c := q.head
	q.head, q.start = c.next, 0
	if q.head == nil {
		q.tail = nil
	}
	c.next = nil
	chunks.Put(c)
}

// clear forgets all bytes.
func (q *queue) clear() {
	for q.head != nil {
		q.shrink()
	}
	q.size = 0
}

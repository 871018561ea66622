package awsiot

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// call is one request of a webhook.
type call struct {
	url     string
	headers map[string]string
	body    []byte
}

// webhooks makes calls one after the other, so that the broker waits for none of them.
type webhooks struct {
	waiting chan call
	client  *http.Client
	timeout time.Duration
	log     *slog.Logger
	ctx     context.Context
	cancel  context.CancelFunc
	ended   chan struct{}
}

func startWebhooks(o Options) *webhooks {
	w := &webhooks{
		waiting: make(chan call, o.WebhookQueue), client: o.Client, timeout: o.WebhookTimeout, log: o.Log,
		ended: make(chan struct{}),
	}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	go w.run()
	return w
}

// add makes a call as soon as those before it are done. It does not block, and returns false if too many wait.
func (w *webhooks) add(c call) bool {
	select {
	case w.waiting <- c:
		return true
	default:
		return false
	}
}

func (w *webhooks) close() {
	w.cancel()
	<-w.ended
}

func (w *webhooks) run() {
	defer close(w.ended)
	for {
		select {
		case <-w.ctx.Done():
			return
		case c := <-w.waiting:
			if err := w.post(c); err != nil && w.ctx.Err() == nil {
				w.log.Warn("webhook failed", "url", c.url, "error", err)
			}
		}
	}
}

// post makes one attempt.
func (w *webhooks) post(c call) error {
	ctx, cancel := context.WithTimeout(w.ctx, w.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(c.body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/octet-stream")
	if json.Valid(c.body) {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.headers {
		r.Header.Set(name, value)
	}
	answer, err := w.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // so that the connection can be used again
	if answer.StatusCode >= 300 {
		return statusError(answer.Status)
	}
	return nil
}

// statusError is an answer that is no success.
type statusError string

func (e statusError) Error() string { return "status " + string(e) }

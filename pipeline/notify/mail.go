package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// mail sends a message over the configured server: with TLS from the start
// (smtps), or by STARTTLS where the server offers it. A password is never sent
// in the clear, but to this machine.
func (p *People) mail(ctx context.Context, ch contract.Channel, to string, d flow.Dispatch) error {
	if p.opt.SMTP == "" {
		return pipeline.Errorf(pipeline.CodeInvalid, "channel %s: there is no mail server", ch.Name).WithHint("set ASSAY_SMTP to smtp://HOST:PORT?from=ADDRESS")
	}
	u, from, err := parseSMTP(p.opt.SMTP)
	if err != nil {
		return err
	}
	msg, err := message(from, to, d)
	if err != nil {
		return err
	}
	if err := sendMail(ctx, u, from, to, msg); err != nil {
		var answer *textproto.Error
		if errors.As(err, &answer) && answer.Code/100 == 5 {
			return pipeline.Errorf(pipeline.CodeDenied, "channel %s: the mail server refuses it: %w", ch.Name, err)
		}
		return pipeline.Errorf(pipeline.CodeUnavailable, "channel %s: mail: %w", ch.Name, err)
	}
	return nil
}

func parseSMTP(s string) (*url.URL, string, error) {
	bad := func(why string) error {
		return pipeline.Errorf(pipeline.CodeInvalid, "ASSAY_SMTP: %s", why).WithHint("write it like smtp://USER:PASSWORD@HOST:587?from=assay@example.org")
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" {
		return nil, "", bad("not the address of a mail server")
	}
	from, err := mail.ParseAddress(u.Query().Get("from"))
	if err != nil {
		return nil, "", bad("from is not a mail address")
	}
	return u, from.Address, nil
}

// CheckSMTP reports what is wrong with ASSAY_SMTP. Error: invalid.
func CheckSMTP(s string) error {
	_, _, err := parseSMTP(s)
	return err
}

// message is a mail of plain text (RFC 5322, base64 body).
func message(from, to string, d flow.Dispatch) ([]byte, error) {
	rcpt, err := mail.ParseAddress(to)
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%q is not a mail address", to)
	}
	subject := mime.QEncoding.Encode("utf-8", strings.Join(strings.Fields("["+string(d.Severity)+"] "+d.Title), " "))
	_, domain, _ := strings.Cut(from, "@")
	var b bytes.Buffer
	for _, h := range [][2]string{
		{"From", (&mail.Address{Name: "Assay", Address: from}).String()}, {"To", rcpt.String()}, {"Subject", subject},
		{"Date", d.At.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700")}, {"Message-ID", "<" + d.ID + "@" + domain + ">"},
		{"Auto-Submitted", "auto-generated"}, {"MIME-Version", "1.0"},
		{"Content-Type", `text/plain; charset="utf-8"`}, {"Content-Transfer-Encoding", "base64"},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n")
	text := base64.StdEncoding.EncodeToString([]byte(Text(d)))
	for len(text) > 76 {
		b.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	b.WriteString(text + "\r\n")
	return b.Bytes(), nil
}

func sendMail(ctx context.Context, u *url.URL, from, to string, msg []byte) error {
	host, port := u.Hostname(), u.Port()
	if port == "" {
		port = map[string]string{"smtp": "587", "smtps": "465"}[u.Scheme]
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline) // a connection that cannot be bounded fails by itself
	}
	secure := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if u.Scheme == "smtps" {
		conn = tls.Client(conn, secure)
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		_ = conn.Close() // the first error is the one to tell
		return err
	}
	defer func() { _ = c.Close() }() // after Quit it is closed
	if ok, _ := c.Extension("STARTTLS"); ok && u.Scheme == "smtp" {
		if err := c.StartTLS(secure); err != nil {
			return err
		}
	}
	if u.User != nil {
		password, _ := u.User.Password()
		if err := c.Auth(smtp.PlainAuth("", u.User.Username(), password, host)); err != nil {
			return err
		}
	}
	if err := c.Mail(from); err != nil {
		return err
	}
	if err := c.Rcpt(to); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(msg); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.Quit()
}

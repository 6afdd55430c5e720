package flow

import (
	"context"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// Watch has user told, at url, of every change of one thing: once for each
// change, whatever else user watches. An empty url is the mail address that
// user is. Asking again changes nothing. Errors: invalid.
func (n *Notifier) Watch(ctx context.Context, user, kind, subject, url string) (Watch, error) {
	if user == "" || subject == "" {
		return Watch{}, pipeline.Errorf(pipeline.CodeInvalid, "a watch needs a user and something to watch")
	}
	kinds := []string{WatchFeed, WatchItem, WatchCluster, WatchBreaker}
	if !slices.Contains(kinds, kind) {
		return Watch{}, pipeline.Errorf(pipeline.CodeInvalid, "%q cannot be watched", kind).WithHint("watch a %s", strings.Join(kinds, ", "))
	}
	if url == "" {
		if !strings.Contains(user, "@") {
			return Watch{}, pipeline.Errorf(pipeline.CodeInvalid, "nothing says where %s is told", user).WithHint("say --channel mailto:ADDRESS, https://… or console:")
		}
		url = "mailto:" + user
	}
	if why := contract.CheckChannelURL(url); why != "" {
		return Watch{}, pipeline.Errorf(pipeline.CodeInvalid, "the channel %s cannot be reached: %s", url, why).
			WithHint("write mailto:ADDRESS, https://…, arn:aws:sns:…, console:, or env:NAME")
	}
	switch kind {
	case WatchFeed:
		if _, err := n.Contracts.Feed(subject); err != nil {
			return Watch{}, err
		}
	case WatchBreaker:
		if !strings.Contains(subject, ":") {
			subject = "feed:" + subject
		}
	}
	w := Watch{ID: pipeline.ContentID("watch", user, kind, subject, url)[:12], User: user, Kind: kind, Subject: subject, URL: url, Created: stamp(n.Now)}
	return w, n.Store.PutWatch(ctx, w)
}

// Retry has dead notices sent again, by id, or all where ids is empty, and
// returns how many.
func (n *Notifier) Retry(ctx context.Context, ids []string) (int, error) {
	dead, err := n.Store.Notices(ctx, NoticeFilter{State: NoticeDead, Limit: 1 << 20})
	if err != nil {
		return 0, err
	}
	dead = slices.DeleteFunc(dead, func(x Notice) bool {
		return len(ids) > 0 && !slices.ContainsFunc(ids, func(id string) bool { return strings.HasPrefix(x.ID, id) })
	})
	for i := range dead {
		dead[i].State, dead[i].Tries, dead[i].Next = NoticeWaiting, 0, stamp(n.Now)
	}
	return len(dead), n.Store.UpdateNotices(ctx, dead...)
}

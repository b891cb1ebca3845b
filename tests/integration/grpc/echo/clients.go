package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func dial(addr string) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
}

func say(ctx context.Context, conn *grpc.ClientConn, words string, options ...grpc.CallOption) (string, error) {
	var out text
	err := conn.Invoke(ctx, "/test.Echo/Say", wrapperspb.String(words), &out, options...)
	return out.GetValue(), err
}

func openStream(ctx context.Context, conn *grpc.ClientConn, name string) (grpc.ClientStream, error) {
	for i := range echoService.Streams {
		if echoService.Streams[i].StreamName == name {
			return conn.NewStream(ctx, &echoService.Streams[i], "/test.Echo/"+name)
		}
	}
	return nil, errors.New("no such stream")
}

func printJSON(value any) error {
	return json.NewEncoder(os.Stdout).Encode(value)
}

// inputEnds is closed when standard input ends: the test says that it is enough.
func inputEnds() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(done)
	}()
	return done
}

// counts is what a load generator prints.
type counts struct {
	mutex  sync.Mutex
	OK     int
	Failed map[string]int
	First  string // the first failure in words
	By     map[string]int
}

func newCounts() *counts { return &counts{Failed: map[string]int{}, By: map[string]int{}} }

func (c *counts) add(answer string, err error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if err == nil {
		c.OK++
		c.By[strings.SplitN(answer, ":", 2)[0]]++
		return
	}
	c.Failed[status.Code(err).String()]++
	if c.First == "" {
		c.First = err.Error()
	}
}

func unary(args []string) error {
	flags := flag.NewFlagSet("unary", flag.ExitOnError)
	conns := flags.Int("conns", 4, "connections")
	workers := flags.Int("workers", 4, "calls under way on each of them")
	pause := flags.Duration("pause", 0, "between an answer and the next call")
	_ = flags.Parse(args[1:])
	end, seen, all := inputEnds(), newCounts(), sync.WaitGroup{}
	for c := range *conns {
		conn, err := dial(args[0])
		if err != nil {
			return err
		}
		defer conn.Close()
		for w := range *workers {
			all.Add(1)
			go func() {
				defer all.Done()
				for i := 0; ; i++ {
					select {
					case <-end:
						return
					case <-time.After(*pause):
					}
					words := fmt.Sprintf("%d-%d-%d", c, w, i)
					answer, err := say(context.Background(), conn, words)
					if err == nil && !strings.HasSuffix(answer, ":"+words) {
						err = errors.New("another call's answer: " + answer)
					}
					seen.add(answer, err)
				}
			}()
		}
	}
	all.Wait()
	return printJSON(seen)
}

// One stream that talks until `end`, and closes as the client wishes it.
func talk(conn *grpc.ClientConn, end <-chan struct{}, opened func()) (string, error) {
	stream, err := openStream(context.Background(), conn, "Chat")
	if err != nil {
		return "", err
	}
	if _, err := stream.Header(); err != nil {
		return "", err
	}
	opened()
	var in text
	for i := 0; ; i++ {
		words := fmt.Sprintf("message %d", i)
		if err := stream.SendMsg(wrapperspb.String(words)); err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		if err := stream.RecvMsg(&in); err != nil {
			return "", err
		}
		if !strings.HasSuffix(in.GetValue(), ":"+words) {
			return "", errors.New("another stream's message: " + in.GetValue())
		}
		select {
		case <-end:
			_ = stream.CloseSend()
			if err := stream.RecvMsg(&in); !errors.Is(err, io.EOF) {
				return "", fmt.Errorf("the stream did not end well: %w", err)
			}
			return in.GetValue(), nil
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func streams(args []string) error {
	flags := flag.NewFlagSet("streams", flag.ExitOnError)
	count := flags.Int("n", 50, "streams")
	conns := flags.Int("conns", 2, "connections")
	_ = flags.Parse(args[1:])
	end, seen, all, open := inputEnds(), newCounts(), sync.WaitGroup{}, sync.WaitGroup{}
	open.Add(*count)
	for c := range *conns {
		conn, err := dial(args[0])
		if err != nil {
			return err
		}
		defer conn.Close()
		for range *count / *conns {
			all.Add(1)
			go func(_ int) {
				defer all.Done()
				var once sync.Once
				answer, err := talk(conn, end, func() { once.Do(open.Done) })
				once.Do(open.Done)
				seen.add(answer, err)
			}(c)
		}
	}
	open.Wait()
	fmt.Println("open") // the test waits for this line
	all.Wait()
	return printJSON(seen)
}

// kinds makes one call of each kind and says what came of it.
func kinds(args []string) error {
	conn, err := dial(args[0])
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	out := map[string]string{}
	result := func(name, answer string, err error) {
		if err != nil {
			answer = status.Code(err).String() + ": " + status.Convert(err).Message()
		}
		out[name] = answer
	}
	var trailer metadata.MD
	answer, err := say(ctx, conn, "hello", grpc.Trailer(&trailer))
	result("unary", answer, err)
	out["trailer"] = strings.Join(trailer.Get("x-trailer"), ",")
	answer, err = say(ctx, conn, strings.Repeat("y", 3_000_000))
	result("large", fmt.Sprint(len(answer)), err)
	answer, err = say(ctx, conn, "fail:NOT_FOUND")
	result("trailers-only", answer, err)
	answer, err = say(ctx, conn, "fail:UNAVAILABLE")
	result("unavailable", answer, err)
	answer, err = say(ctx, conn, "deadline")
	result("deadline passes", answer, err)
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	answer, err = say(short, conn, "slow")
	cancel()
	result("deadline", answer, err)
	answer, err = collect(ctx, conn)
	result("client stream", answer, err)
	answer, err = list(ctx, conn)
	result("server stream", answer, err)
	result("cancelled stream", "", cancelled(ctx, conn))
	return printJSON(out)
}

func collect(ctx context.Context, conn *grpc.ClientConn) (string, error) {
	stream, err := openStream(ctx, conn, "Collect")
	if err != nil {
		return "", err
	}
	for range 2_000 {
		if err := stream.SendMsg(wrapperspb.String(strings.Repeat("z", 1_000))); err != nil {
			return "", err
		}
	}
	var out text
	_ = stream.CloseSend()
	err = stream.RecvMsg(&out)
	return out.GetValue(), err
}

func list(ctx context.Context, conn *grpc.ClientConn) (string, error) {
	stream, err := openStream(ctx, conn, "List")
	if err != nil {
		return "", err
	}
	if err := stream.SendMsg(wrapperspb.String("2000")); err != nil {
		return "", err
	}
	_ = stream.CloseSend()
	for i := 0; ; i++ {
		var out text
		if err := stream.RecvMsg(&out); errors.Is(err, io.EOF) {
			return fmt.Sprint(i), nil
		} else if err != nil {
			return "", err
		}
		if !strings.HasPrefix(out.GetValue(), fmt.Sprintf("%07d", i)) {
			return "", errors.New("out of order: " + out.GetValue()[:7])
		}
	}
}

// cancelled opens a stream and leaves it.
func cancelled(ctx context.Context, conn *grpc.ClientConn) error {
	leaving, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := openStream(leaving, conn, "Chat")
	if err != nil {
		return err
	}
	if _, err := stream.Header(); err != nil {
		return err
	}
	cancel()
	var out text
	if err := stream.RecvMsg(&out); status.Code(err) != codes.Canceled {
		return err
	}
	return nil
}

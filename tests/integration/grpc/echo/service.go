// A gRPC service in four shapes, its messages well-known types, so that no generated code is needed.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

type text = wrapperspb.StringValue

type echo struct {
	generation string
	executed   *os.File // one line per unary call that was executed
	cancelled  *os.File // one line per stream whose client left
}

// say answers "GENERATION:WORDS". Words that begin with "fail:" name the code to fail with, "slow" takes 10 s, "large:N"
// is answered with N bytes.
func (e *echo) say(ctx context.Context, in *text) (*text, error) {
	words := in.GetValue()
	if e.executed != nil {
		fmt.Fprintln(e.executed, strings.SplitN(words, " ", 2)[0])
	}
	switch {
	case strings.HasPrefix(words, "fail:"):
		var code codes.Code
		if err := code.UnmarshalJSON([]byte(`"` + words[5:] + `"`)); err != nil {
			return nil, err
		}
		return nil, status.Error(code, "as asked")
	case words == "slow":
		select {
		case <-ctx.Done():
			e.note("slow")
			return nil, status.FromContextError(ctx.Err()).Err()
		case <-time.After(10 * time.Second):
		}
	case words == "deadline":
		left, ok := ctx.Deadline()
		return wrapperspb.String(fmt.Sprintf("%v %d", ok, time.Until(left).Milliseconds())), nil
	}
	_ = grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "there"))
	return wrapperspb.String(e.generation + ":" + words), nil
}

func (e *echo) note(what string) {
	if e.cancelled != nil {
		fmt.Fprintln(e.cancelled, what)
	}
}

// collect counts the bytes of all messages.
func (e *echo) collect(stream grpc.ServerStream) error {
	total := 0
	for {
		var in text
		if err := stream.RecvMsg(&in); errors.Is(err, io.EOF) {
			return stream.SendMsg(wrapperspb.String(fmt.Sprintf("%s:%d", e.generation, total)))
		} else if err != nil {
			return err
		}
		total += len(in.GetValue())
	}
}

// list answers with as many messages of 1,000 bytes as it is asked for.
func (e *echo) list(stream grpc.ServerStream) error {
	var in text
	if err := stream.RecvMsg(&in); err != nil {
		return err
	}
	var count int
	if _, err := fmt.Sscan(in.GetValue(), &count); err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	for i := range count {
		if err := stream.SendMsg(wrapperspb.String(fmt.Sprintf("%07d", i) + strings.Repeat("x", 993))); err != nil {
			return err
		}
	}
	return nil
}

// chat answers each message with "GENERATION:MESSAGE" until the client has said its last.
func (e *echo) chat(stream grpc.ServerStream) error {
	if err := stream.SendHeader(metadata.MD{}); err != nil { // the answer begins before the first message
		return err
	}
	for {
		var in text
		if err := stream.RecvMsg(&in); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			e.note("chat")
			return err
		}
		if err := stream.SendMsg(wrapperspb.String(e.generation + ":" + in.GetValue())); err != nil {
			return err
		}
	}
}

func sayHandler(srv any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var in text
	if err := decode(&in); err != nil {
		return nil, err
	}
	return srv.(*echo).say(ctx, &in)
}

var echoService = grpc.ServiceDesc{
	ServiceName: "test.Echo",
	HandlerType: (*any)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Say", Handler: sayHandler}},
	Streams: []grpc.StreamDesc{
		{StreamName: "Collect", ClientStreams: true,
			Handler: func(srv any, stream grpc.ServerStream) error { return srv.(*echo).collect(stream) }},
		{StreamName: "List", ServerStreams: true,
			Handler: func(srv any, stream grpc.ServerStream) error { return srv.(*echo).list(stream) }},
		{StreamName: "Chat", ClientStreams: true, ServerStreams: true,
			Handler: func(srv any, stream grpc.ServerStream) error { return srv.(*echo).chat(stream) }},
	},
}

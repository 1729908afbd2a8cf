// Go's echo server: echo_server THREADS
//
// Prints its port and serves until it is killed. A goroutine a client.
package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
)

func echo(client net.Conn) {
	defer client.Close()
	bytes := make([]byte, 4096)
	for {
		count, failure := client.Read(bytes)
		if failure != nil {
			return
		}
		if _, failure = client.Write(bytes[:count]); failure != nil {
			return
		}
	}
}

func main() {
	threads, _ := strconv.Atoi(os.Args[1])
	runtime.GOMAXPROCS(threads)
	listener, failure := net.Listen("tcp4", "127.0.0.1:0")
	if failure != nil {
		fmt.Fprintln(os.Stderr, failure)
		os.Exit(1)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		client, failure := listener.Accept()
		if failure != nil {
			os.Exit(1)
		}
		go echo(client)
	}
}

// Go's side of the benchmarks: peer THREADS WORK COUNT
//
// Prints nanoseconds for one operation (bytes, for idle). The work runs once with a tenth of the
// operations to warm up.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func main() {
	if len(os.Args) != 4 {
		check(fmt.Errorf("usage: %s THREADS WORK COUNT", os.Args[0]))
	}
	threads, err := strconv.Atoi(os.Args[1])
	check(err)
	count, err := strconv.Atoi(os.Args[3])
	check(err)
	runtime.GOMAXPROCS(threads)
	work, found := map[string]func(int) float64{
		"unbuffered": func(n int) float64 { return pingPong(0, n) },
		"buffered":   func(n int) float64 { return pingPong(1, n) },
		"tree":       tree,
		"idle":       idle,
	}[os.Args[2]]
	if !found {
		check(fmt.Errorf("no work %q", os.Args[2]))
	}
	work(count / 10)
	fmt.Printf("%.2f\n", work(count))
}

// A number goes to another goroutine, which adds one and sends it back.
func pingPong(capacity, roundTrips int) float64 {
	there, back := make(chan int, capacity), make(chan int, capacity)
	go func() {
		for number := range there {
			back <- number + 1
		}
		close(back)
	}()
	began := time.Now()
	for number := 0; number < roundTrips; {
		there <- number
		number = <-back
	}
	took := time.Since(began)
	close(there)
	return float64(took.Nanoseconds()) / float64(roundTrips)
}

// Ten children each, down to single numbers, and their sum comes back up.
func node(result chan<- int, number, size int) {
	if size == 1 {
		result <- number
		return
	}
	results := make(chan int)
	for i := 0; i != 10; i++ {
		go node(results, number+i*(size/10), size/10)
	}
	sum := 0
	for i := 0; i != 10; i++ {
		sum += <-results
	}
	result <- sum
}

func tree(leaves int) float64 {
	result := make(chan int)
	began := time.Now()
	go node(result, 0, leaves)
	sum := <-result
	took := time.Since(began)
	if sum != leaves*(leaves-1)/2 {
		check(fmt.Errorf("the sum is wrong: %d", sum))
	}
	return float64(took.Nanoseconds()) / float64(leaves)
}

// Stacks and heap of goroutines that wait for a channel.
func idle(count int) float64 {
	var before, after runtime.MemStats
	stop := make(chan struct{})
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := 0; i != count; i++ {
		go func() { <-stop }()
	}
	for i := 0; i != 100; i++ {
		runtime.Gosched() // let all of them come to their wait
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	close(stop)
	for runtime.NumGoroutine() > 1 {
		runtime.Gosched()
	}
	return float64(after.StackInuse+after.HeapAlloc-before.StackInuse-before.HeapAlloc) / float64(count)
}

// Fetches URLs, one after the other, with net/http, and prints a line of JSON each: whether the origin has answered, and what was said.
// The argument: a JSON list of objects with proxy (empty: none), fields, url, ca.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"
)

type exchange struct {
	Proxy  string            `json:"proxy"`
	Fields map[string]string `json:"fields"`
	URL    string            `json:"url"`
	CA     string            `json:"ca"`
}

type told struct {
	Served bool   `json:"served"`
	Says   string `json:"says"`
}

func fetch(x exchange) (int, error) {
	certificate, err := os.ReadFile(x.CA)
	if err != nil {
		return 0, err
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(certificate)
	// A client with a tls.Config of its own leaves HTTP/2 out unless it says otherwise. The default one, and so docker and kubectl, has it.
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, DisableKeepAlives: true, ForceAttemptHTTP2: true}
	request, err := http.NewRequest("GET", x.URL, nil)
	if err != nil {
		return 0, err
	}
	fields := request.Header
	if x.Proxy != "" {
		proxy, err := url.Parse(x.Proxy)
		if err != nil {
			return 0, err
		}
		transport.Proxy = http.ProxyURL(proxy)
		if request.URL.Scheme == "https" {
			transport.ProxyConnectHeader = http.Header{}
			fields = transport.ProxyConnectHeader
		}
	}
	for name, value := range x.Fields {
		fields.Set(name, value)
	}
	client := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

func main() {
	var exchanges []exchange
	if err := json.Unmarshal([]byte(os.Args[1]), &exchanges); err != nil {
		panic(err)
	}
	for _, x := range exchanges {
		status, err := fetch(x)
		said := told{status == 200, fmt.Sprint(status)}
		if err != nil {
			said = told{false, err.Error()}
		}
		line, _ := json.Marshal(said)
		fmt.Println(string(line))
	}
}

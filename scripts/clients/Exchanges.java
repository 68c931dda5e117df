import java.io.FileInputStream;
import java.io.InputStream;
import java.net.Authenticator;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.PasswordAuthentication;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * Fetches URLs, one after the other, with HttpURLConnection or with java.net.http.HttpClient, and prints a line each: the status, or what
 * was thrown. Arguments: which of the two, the file with the certificate to trust, then for each exchange the port of the proxy (0: none), the user,
 * the password, the value of the field (empty: none) and the URL.
 */
class Exchanges {
  public static void main(String[] args) throws Exception {
    SSLContext trust = trusting(args[1]);
    HttpsURLConnection.setDefaultSSLSocketFactory(trust.getSocketFactory());
    for (int at = 2; at < args.length; at += 5) {
      String said;
      try {
        int port = Integer.parseInt(args[at]);
        Authenticator authenticator = authenticator(args[at + 1], args[at + 2]);
        InetSocketAddress proxy = port == 0 ? null : new InetSocketAddress("127.0.0.1", port);
        said = String.valueOf(args[0].equals("HttpClient")
            ? withHttpClient(trust, proxy, authenticator, args[at + 3], args[at + 4])
            : withUrlConnection(proxy, authenticator, args[at + 3], args[at + 4]));
      } catch (Exception exception) {
        said = exception.toString().replace('\n', ' ');
      }
      System.out.println(said);
    }
  }

  private static int withUrlConnection(InetSocketAddress proxy, Authenticator authenticator, String value, String url) throws Exception {
    Proxy through = proxy == null ? Proxy.NO_PROXY : new Proxy(Proxy.Type.HTTP, proxy);
    HttpURLConnection connection = (HttpURLConnection) URI.create(url).toURL().openConnection(through);
    connection.setConnectTimeout(30_000);
    connection.setReadTimeout(30_000);
    if (value.isEmpty()) connection.setAuthenticator(authenticator);
    else connection.setRequestProperty("Proxy-Authorization", value);
    int status = connection.getResponseCode();
    try (InputStream content = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
      if (content != null) content.readAllBytes();
    }
    return status;
  }

  private static int withHttpClient(SSLContext trust, InetSocketAddress proxy, Authenticator authenticator, String value, String url) throws Exception {
    HttpClient.Builder client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).sslContext(trust);
    if (proxy != null) client.proxy(ProxySelector.of(proxy));
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(30));
    if (value.isEmpty()) client.authenticator(authenticator);
    else request.header("Proxy-Authorization", value);
    return client.build().send(request.build(), HttpResponse.BodyHandlers.ofString()).statusCode();
  }

  private static Authenticator authenticator(String user, String password) {
    return new Authenticator() {
      @Override
      protected PasswordAuthentication getPasswordAuthentication() {
        return getRequestorType() == RequestorType.PROXY ? new PasswordAuthentication(user, password.toCharArray()) : null;
      }
    };
  }

  private static SSLContext trusting(String file) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (FileInputStream certificate = new FileInputStream(file)) {
      store.setCertificateEntry("origin", CertificateFactory.getInstance("X.509").generateCertificate(certificate));
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    return context;
  }
}

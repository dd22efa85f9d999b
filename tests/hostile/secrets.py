"""Places of secrets, and what looks like one: tables.

`S3cr3t` is the secret. A script of a project reads this file, too.
"""

from typing import Any

URLS = r"""
postgres://jane:S3cr3t@db/app
postgres://jane:S3cr3t@db:5432/app?sslmode=require
postgresql+psycopg://jane:S3cr3t@db.example.com/app
postgres://jane:p@S3cr3t@db/app
postgres://jane:S3cr3t@p@db/app
postgres://jane@example.com:S3cr3t@db/app
postgres://jane:p'S3cr3t@db/app
postgres://jane:p"S3cr3t@db/app
postgres://jane:'S3cr3t'@db/app
postgres://jane:S3cr3t!$%&*()@db/app
postgres://jane:S3cr3t,x;y@db/app
postgres://jane:p:S3cr3t:x@db/app
postgres://jane:S3cr3t%40x%2F@db/app
postgres://jane:S3cr3t=x==@db/app
postgres://jane:p\S3cr3t@db/app
postgres://jane:[S3cr3t]@db/app
postgres://jane:{S3cr3t}@db/app
postgres://jane:<S3cr3t>@db/app
postgres://jane:S3cr3té中@db/app
postgres://:S3cr3t@db/app
postgres://S3cr3t@db/app
postgres://S3cr3t:@db/app
postgres://jane:S3cr3t@[::1]:5432/app
mysql://root:S3cr3t@127.0.0.1:3306/app
mssql+pyodbc://sa:S3cr3t@dsn
mongodb://u:S3cr3t@h1:27017,h2:27017/db
mongodb+srv://u:S3cr3t@cluster.example.net/
mongodb://u:S3cr3t@h1,u2:S3cr3t@h2/db
redis://:S3cr3t@cache:6379/0
rediss://default:S3cr3t@cache:6380
redis://:S3cr3t@h1:6379,redis://:S3cr3t@h2:6379
amqp://guest:S3cr3t@mq:5672//
amqps://guest:S3cr3t@mq/vhost
smtp://bob%40example.com:S3cr3t@mail:587
ftp://anonymous:S3cr3t@ftp.example.com/pub
sftp://bob:S3cr3t@host/home/bob
ssh://git:S3cr3t@host:22/repo.git
git+https://S3cr3t@github.com/org/repo.git
git+ssh://git:S3cr3t@host/repo
https://S3cr3t:x-oauth-basic@github.com/org/repo
https://bob:S3cr3t@example.com/a/b?c=d#e
HTTPS://BOB:S3cr3t@EXAMPLE.COM/
http://bob:S3cr3t@localhost:8000
http://proxy-user:S3cr3t@proxy:3128
https:\/\/bob:S3cr3t@example.com\/a
https://bob:S3cr3t@example.com
ldap://cn=admin,dc=x:S3cr3t@ldap:389
nats://bob:S3cr3t@nats:4222
https://S3cr3t@o1.ingest.sentry.io/2
s3://AKIA:S3cr3t@bucket/key
kafka+ssl://bob:S3cr3t@broker:9093
""".strip().splitlines()

# Around each URL.
AROUND = (
    "{}",
    "cannot reach {}: refused",
    "'{}'",
    "<{}>",
    "({})",
    "url={} attempt=2",
    "URLs: {}, https://example.com/",
)

HIDDEN_TEXTS = (
    # The name that follows is the name.
    "Invalid credentials: password='S3cr3t'",
    'Secret: token="S3cr3t"',
    "credentials: user=bob password=S3cr3t",
    "Auth(token=Token(value='S3cr3t'))",
    "Auth(token=Token(Inner(value='S3cr3t', x=[1, (2, 3)])), y=1)",
    "password=SecretStr('S3cr3t')",
    "Payment authorization: token=S3cr3t amount=20",
    # Headers.
    "Authorization: Bearer S3cr3t",
    "Authorization: Basic S3cr3t==",
    "authorization: bearer S3cr3t",
    "Authorization: JWT S3cr3t",
    "Authorization: Custom S3cr3t",
    "Authorization: S3cr3t",
    "Authorization: Bearer\r\n S3cr3t\r\nAccept: */*",
    "Authorization:\r\n\tBearer S3cr3t",
    'Authorization: Digest username="bob", nonce="x", response="S3cr3t"',
    "Authorization: AWS4-HMAC-SHA256 Credential=x/y, SignedHeaders=a;b, Signature=S3cr3t",
    "Proxy-Authorization: Basic S3cr3t",
    "GET / HTTP/1.1\r\nHost: x\r\nCookie: a=b; sid=S3cr3t; c=d\r\nAccept: */*",
    'Set-Cookie: sessionid="S3cr3t"; Path=/; HttpOnly',
    'Set-Cookie: remember="S3cr3t"; Path=/',
    "Set-Cookie: remember=S3cr3t; expires=Thu, 01 Jan 2026 00:00:00 GMT",
    "<SimpleCookie: sessionid='S3cr3t'>",
    "<SimpleCookie: a='S3cr3t' b='S3cr3t'>",
    "HTTP_COOKIE=a=b; sid=S3cr3t",
    "HTTP_AUTHORIZATION=Bearer S3cr3t",
    "X-Api-Key: S3cr3t",
    "{'Authorization': 'Bearer S3cr3t', 'Accept': '*/*'}",
    "[(b'authorization', b'x'), (b'a', b'b')] Authorization: Token S3cr3t",
    "Invalid header value: 'Bearer S3cr3t12\\n'",
    "Invalid header value: b'Basic S3cr3t0123456789abc=\\n'",
    "curl -H 'Authorization: Bearer S3cr3t' https://example.com",
    'curl -H "X-Auth-Token: S3cr3t" https://example.com',
    # Databases.
    "DETAIL:  Key (token)=(S3cr3t) already exists.",
    "DETAIL:  Key (lower(token))=(S3cr3t) already exists.",
    'DETAIL:  Key ("apiKey")=(S3cr3t) already exists.',
    "DETAIL:  Key (user_id, token)=(5, S3cr3t) already exists.",
    "host=db user=me password=S3cr3t dbname=shop",
    "host=db user=me password='S3cr3t x' dbname=shop",
    "Server=db;Uid=me;Pwd=S3cr3t;Encrypt=yes",
    "Server=db; User Id=me; Password=S3cr3t;",
    # Signs and blanks.
    "user[password]=S3cr3t",
    "user%5Bpassword%5D=S3cr3t&x=1",
    "password[]=S3cr3t",
    "os.environ['DB_PASSWORD'] = 'S3cr3t'",
    "'password' => 'S3cr3t'",
    ':password => "S3cr3t"',
    'password := "S3cr3t"',
    "password == 'S3cr3t'",
    "assert password != 'S3cr3t'",
    "password=ab,S3cr3t",
    "password=                         S3cr3t",
    "password   :   S3cr3t",
    "password:\tS3cr3t",
    "password:S3cr3t",
    "--password=S3cr3t --verbose",
    "export DB_PASSWORD=S3cr3t",
    "api.key=S3cr3t",
    "spring.datasource.password=S3cr3t",
    "?a=1&access_token=S3cr3t&b=2",
    "https://example.com/?access_token=S3cr3t#x",
    "password=ab'S3cr3t",
    "token=abc=S3cr3t==",
    "token: S3cr3t==",
    "password=b'S3cr3t'",
    "password: S3cr3t, user: bob",
    # JSON and Python, in several lines and in each other.
    '{"password": "S3cr3t"}',
    '{"password":"S3cr3t","user":"bob"}',
    '{"user": "bob", "pass_word": 1, "password": "a\\"S3cr3t"}',
    '{\n  "user": "bob",\n  "password": "S3cr3t"\n}',
    '{"password":\n    "S3cr3t"}',
    '{"token": {"value": "S3cr3t", "x": [1, {"y": "S3cr3t"}]}, "z": 2}',
    '{\n  "tokens": [\n    "S3cr3t",\n    "S3cr3t"\n  ]\n}',
    "{'credentials': {'a': {'b': 1}, 'pw': 'S3cr3t'}}",
    "{'passwords': ['S3cr3t]', 'S3cr3t']}",
    '"{\\"password\\": \\"S3cr3t\\"}"',
    "'{\"password\": \"S3cr3t\"}'",
    "OrderedDict([('password', 'x')]) token='S3cr3t'",
    "{'secret': 'first\nS3cr3t\nlast'}",
    "private_key: '-----BEGIN X-----\nS3cr3t\n-----END X-----'",
    # Private keys need no name.
    "-----BEGIN PRIVATE KEY-----\nS3cr3t\nS3cr3t\n-----END PRIVATE KEY-----",
    "key -----BEGIN RSA PRIVATE KEY-----\\nS3cr3t\\n-----END RSA PRIVATE KEY----- end",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nS3cr3t",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\nS3cr3t\n-----END PGP PRIVATE KEY BLOCK-----",
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\r\nS3cr3t\r\n-----END ENCRYPTED PRIVATE KEY-----",
    # Names.
    "userPin=S3cr3t",
    "dbPwd=S3cr3t",
    "cardCvv: S3cr3t",
    "access_tokens=['S3cr3t']",
    "tokens: S3cr3t",
    "secret_keys = S3cr3t",
    "homepage_token=S3cr3t",
    "password2=S3cr3t",
)  # fmt: skip

# Each key hides a text, at every depth.
_KEYS = """
password passwd Password PASSWORD db_password dbPassword password1 new-password
passwords password_confirmation password_hash passphrase pwd dbPwd db_pwd userPin
user_pin pin cvv cardCvv card_number cardNumber secret secrets client_secret
clientSecret SECRET_KEY secret_keys token tokens access_token accessTokens
X-Auth-Token refreshToken homepage_token csrfmiddlewaretoken jwt id_jwt api_key
apiKey APIKEY X-Api-Key api.key api_keys private_key signing_key encryption_key
access_key session_key sessionid session_id authorization Authorization
HTTP_AUTHORIZATION Proxy-Authorization cookie cookies Set-Cookie HTTP_COOKIE
credential credentials user[password] user%5Bpassword%5D QUERY_STRING query_string
"""
HIDDEN_KEYS = _KEYS.split()

# Keys, and values under them, that are shown.
SHOWN_FIELDS: tuple[tuple[str, Any], ...] = (
    ("password", None),
    ("password", ""),
    ("password", False),
    ("has_password", True),
    ("token", None),
    ("token", 5),
    ("token", 0.5),
    ("tokens", 1200),
    ("tokens", []),
    ("secret", ""),
    ("credentials", {}),
    ("cookies", ()),
    ("authorization", "approved"),
    ("authorization", "DECLINED"),
    ("jwt", "expired"),
    ("token", "Signature has expired"),
    ("token", "This field is required."),
    ("cookie", "none"),
    ("pwd", "/srv/app"),
    ("next_token", "AbC123=="),
    ("nextToken", "AbC123=="),
    ("NextToken", "AbC123=="),
    ("sync_token", "AbC123=="),
    ("cursor_token", "AbC123=="),
    ("idempotency_token", "AbC123=="),
    ("page_token", "AbC123=="),
    ("next_page_token", "AbC123=="),
    ("nextPageToken", "AbC123=="),
    ("continuation_token", "AbC123=="),
    ("max_token", "AbC123=="),
    ("token_count", "AbC123=="),
    ("token_type", "Bearer"),
    ("password_changed_at", "2026-01-01"),
    ("cookie_consent", "AbC123=="),
    ("jwt_enabled", "AbC123=="),
    ("spin", "AbC123=="),
    ("shipping", "AbC123=="),
    ("secretary", "AbC123=="),
    ("keyboard", "AbC123=="),
    ("primary_key", "AbC123=="),
    ("session.id", "0f8fad5b-d9cb-469f-a165-70867728950e"),
)

SHOWN_TEXTS = (
    "the token: field is required",
    "password: This field is required.",
    "Invalid token: Signature has expired",
    "Wrong password: it does not match",
    "password: must be at least 8 characters",
    "password: can't be blank",
    "token: 5",
    "tokens: 1200",
    "password=None",
    "password: null",
    "password=''",
    '{"password": null, "token": ""}',
    '{"jwt": "expired", "token": 5}',
    "tokens=[] cookies={}",
    "token: expired",
    "Payment authorization: DECLINED code=51 amount=20",
    "authorization=approved amount=20",
    "https://example.com?email=bob@example.com",
    "https://example.com:8080/@ann",
    "https://example.com/a:b@c",
    "https://example.com/#bob@example.com",
    '["https://example.com","bob@example.com"]',
    '{"url": "https://example.com:80", "mail": "bob@example.com"}',
    "mail bob@example.com: sent",
    "PWD=/srv/app HOME=/root",
    "next_token=AbC123== page=2",
    "nextPageToken: AbC123==",
    "token_count=5 max_tokens=7",
    "password_changed_at=2026-01-01",
    'Header "Authorization:" missing',
    "WHERE token::text = id",
    "Basic plan chosen: yes",
    "Basic authentication required: no",
    "Bearer authentication: off",
    "12:30:45 job=done",
    "shop:detail at 127.0.0.1:8000",
    "-----BEGIN CERTIFICATE-----\nMIIB==\n-----END CERTIFICATE-----",
    "spin=AbC123 shipping=AbC123",
    "keyboard: AbC123, primary_key=7",
)

import AsyncHTTPClient
import NIOSSL


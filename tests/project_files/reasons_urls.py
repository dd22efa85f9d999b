"""A site that refuses in every way: Django's own, a middleware's, an API's."""

from __future__ import annotations

from typing import Any

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.decorators import sync_and_async_middleware
from django.views.decorators.csrf import csrf_exempt
from rest_framework import serializers
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView


def index(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def denied(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied("not your team")


async def denied_async(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied("not your team")


def bad(request: HttpRequest) -> HttpResponse:
    raise BadRequest("no such round")


def suspicious(request: HttpRequest) -> HttpResponse:
    raise SuspiciousOperation("forged invoice")


@csrf_exempt
def form(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(len(request.POST)))


@sync_and_async_middleware
def middleware(get_response: Any) -> Any:
    def refuse(request: HttpRequest) -> None:
        if request.path == "/middleware/denied/":
            raise PermissionDenied("blocked country")
        if request.path == "/middleware/suspicious/":
            raise SuspiciousOperation("forged header")

    def inner(request: HttpRequest) -> Any:
        refuse(request)
        return get_response(request)

    async def inner_async(request: HttpRequest) -> Any:
        refuse(request)
        return await get_response(request)

    return inner_async if iscoroutinefunction(get_response) else inner


class Item(serializers.Serializer[Any]):
    price = serializers.IntegerField(min_value=1)


class Order(serializers.Serializer[Any]):
    email = serializers.EmailField()
    password = serializers.CharField()
    items = Item(many=True)
    options = serializers.DictField(child=serializers.IntegerField(), required=False)


class OrderView(APIView):
    authentication_classes = ()

    def post(self, request: Request) -> Response:
        Order(data=request.data).is_valid(raise_exception=True)
        return Response()


class Members(APIView):
    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        return Response()


class Never(BaseThrottle):
    def allow_request(self, request: Request, view: APIView) -> bool:
        return False

    def wait(self) -> float:
        return 5


class Throttled(Members):
    permission_classes = ()
    throttle_classes = (Never,)


class OutOfStock(APIException):
    status_code = 409
    default_code = "out_of_stock"
    default_detail = "Nothing is left."


class Own(Members):
    permission_classes = ()

    def get(self, request: Request) -> Response:
        if request.GET["kind"] == "text":
            raise ValidationError("bob@example.com is taken", code="taken")
        if request.GET["kind"] == "denied":
            raise PermissionDenied("not your team")
        raise OutOfStock


urlpatterns = [
    path("", index),
    path("denied/", denied),
    path("denied/async/", denied_async),
    path("bad/", bad),
    path("suspicious/", suspicious),
    path("form/", form),
    path("orders/", OrderView.as_view()),
    path("members/", Members.as_view()),
    path("throttled/", Throttled.as_view()),
    path("own/", Own.as_view()),
]

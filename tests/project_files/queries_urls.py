"""Orders with their customers: one query more for each, in every way."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from asgiref.sync import sync_to_async
from celery import shared_task
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth.models import Permission
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from telemetry.celery import TelemetryTask
from telemetry.websocket import TelemetryConsumerMixin


def view(request: HttpRequest) -> HttpResponse:
    for permission in Permission.objects.all()[:7]:
        str(permission.content_type.app_label)  # in view
    return HttpResponse()


def template(request: HttpRequest) -> HttpResponse:
    permissions = Permission.objects.all()[:7]
    return render(request, "list.html", {"permissions": permissions})  # in template


class PermissionSerializer(serializers.Serializer[Permission]):
    app = serializers.SerializerMethodField()

    def get_app(self, permission: Permission) -> str:
        return permission.content_type.app_label  # in get_app


class Permissions(APIView):
    authentication_classes = permission_classes = ()

    def get(self, request: Request) -> Response:
        permissions = Permission.objects.all()[:7]
        return Response(PermissionSerializer(permissions, many=True).data)


async def in_async(request: HttpRequest) -> HttpResponse:
    for number in range(7):
        await Permission.objects.filter(pk=number).afirst()  # in in_async
    return HttpResponse()


async def gathered(request: HttpRequest) -> HttpResponse:
    querysets = [Permission.objects.filter(pk=number) for number in range(7)]
    await asyncio.gather(*[each.afirst() for each in querysets])  # in gathered
    return HttpResponse()


def count_all() -> None:
    for number in range(7):
        Permission.objects.filter(pk=number).first()  # in count_all


async def in_thread(request: HttpRequest) -> HttpResponse:
    await sync_to_async(count_all)()
    return HttpResponse()


def slow(request: HttpRequest) -> HttpResponse:
    connection.ensure_connection()
    connection.connection.create_function("pause", 1, time.sleep)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.execute("SELECT pause(0.11)")  # in slow
    return HttpResponse()


def literals(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        for _ in range(5):
            cursor.execute("SELECT 'bob' /* hunter2 */ WHERE 1 = 1")
    return HttpResponse()


@shared_task(base=TelemetryTask)  # type: ignore[untyped-decorator,unused-ignore]
def task() -> None:
    for permission in Permission.objects.all()[:7]:
        str(permission.content_type.app_label)  # in task


def run_task(request: HttpRequest) -> Any:
    task.apply()
    return HttpResponse()


class Feed(TelemetryConsumerMixin, AsyncWebsocketConsumer):
    async def receive(self, *_: Any, **__: Any) -> None:
        for number in range(7):
            await Permission.objects.filter(pk=number).afirst()  # in receive
        await self.close()


urlpatterns = [
    path("view/", view),
    path("template/", template),
    path("serializer/", Permissions.as_view()),
    path("async/", in_async),
    path("gathered/", gathered),
    path("thread/", in_thread),
    path("slow/", slow),
    path("literals/", literals),
    path("task/", run_task),
]

"""Views that end in the ways that regressions are about."""

import asyncio

from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpResponse
from django.urls import path


def ok(request):
    return HttpResponse()


def denied(request):
    raise PermissionDenied("belongs to somebody else")


def bad(request):
    raise BadRequest("limit must be a number")


def sick(request):
    return HttpResponse(status=503)


async def cancels(request):
    task = asyncio.create_task(asyncio.sleep(10))
    task.cancel()
    await task


class Member:
    is_authenticated, pk = True, 7


def ninja(request):
    request.auth = Member()
    return HttpResponse()


views = [ok, denied, bad, sick, cancels, ninja]
urlpatterns = [path(f"{view.__name__}/", view) for view in views]

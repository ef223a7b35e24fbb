"""The documents of Halden Outdoor, an invented shop: what the sample server knows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """One page of the shop's help centre.

    Attributes:
        id: Stable name, used in citations and retrieval results.
        title: What the page is called.
        text: Plain sentences.
    """

    id: str
    title: str
    text: str


DOCUMENTS: tuple[Document, ...] = (
    Document(
        "returns",
        "Returning an item",
        "You can return unused items within 60 days of delivery. "
        "Items must be clean, complete and carry their original labels. "
        "Trying on a jacket or walking indoors in boots is fine, but an item worn outdoors "
        "cannot be returned. "
        "Start a return in your account under Orders, print the label and drop the parcel at "
        "any collection point. "
        "Returns by post cost 4.90 EUR, which we deduct from the refund; returning an item in "
        "one of our stores is free. "
        "Climbing ropes, avalanche transceivers and opened food cannot be returned for safety "
        "reasons. "
        "Sale items can be returned within 30 days. "
        "Without a receipt we can still find your order by the email address or the card you "
        "paid with.",
    ),
    Document(
        "refunds",
        "Refunds",
        "We send your refund within 5 working days after the parcel has reached our warehouse. "
        "The money goes back to the payment method you used, and your bank may need 3 more days "
        "to show it. "
        "Orders paid with a gift card are refunded to the same gift card. "
        "The original shipping fee is refunded only when the whole order comes back because of "
        "our mistake. "
        "If a refund is more than 10 working days late, write to us with your order number and "
        "we will trace it.",
    ),
    Document(
        "exchanges",
        "Exchanging for another size or colour",
        "If boots pinch or a jacket is too tight, you can exchange it for another size or colour "
        "within 60 days. "
        "Exchanges are free, both the way back and the new parcel. "
        "Choose Exchange instead of Return in your account and we reserve the new size for 14 "
        "days. "
        "We send the replacement as soon as the carrier has scanned your parcel, so you do not "
        "have to wait for the warehouse. "
        "If the new size is out of stock we refund you instead.",
    ),
    Document(
        "shipping",
        "Shipping and delivery times",
        "Standard shipping takes 2 to 4 working days and costs 4.90 EUR. "
        "Standard shipping is free for orders over 75 EUR. "
        "Express delivery costs 12.50 EUR and arrives on the next working day if you order "
        "before 14:00. "
        "Bulky items such as tents over 10 kg, canoes and roof boxes travel by freight and take "
        "5 to 8 working days. "
        "You get an email with a tracking link as soon as the parcel leaves our warehouse. "
        "We also deliver to parcel lockers and keep a parcel for 7 days at a collection point.",
    ),
    Document(
        "international-shipping",
        "Shipping abroad",
        "We ship to 27 countries. "
        "International delivery takes 4 to 9 working days and costs 14.90 EUR, or nothing for "
        "orders over 200 EUR. "
        "Outside the customs union, import duties and taxes are paid by the recipient on "
        "delivery. "
        "Gas cartridges, bear spray and lithium batteries over 100 Wh cannot be shipped abroad. "
        "Returns from abroad use your own carrier, and we refund up to 15 EUR of the postage.",
    ),
    Document(
        "orders",
        "Tracking, changing and cancelling an order",
        "You can change or cancel an order for 60 minutes after you place it, under Orders in "
        "your account. "
        "After that the warehouse has begun to pack, and the quickest way is to refuse the "
        "parcel or return it. "
        "An order number begins with HO and has five digits, for example HO-10482. "
        "The status Packed means that the parcel waits for the carrier, and Shipped that it has "
        "been scanned. "
        "If tracking has not moved for 5 working days, contact us and we open a search with the "
        "carrier.",
    ),
    Document(
        "warranty",
        "Warranty",
        "Everything we sell carries a warranty of 2 years against faults in material and "
        "workmanship. "
        "Our own Halden brand tents, packs and jackets carry 5 years. "
        "The warranty does not cover normal wear, cuts, burns, lost parts or damage from washing "
        "against the care label. "
        "To make a claim, send photos of the damage and your order number through the warranty "
        "form. "
        "We answer a claim within 3 working days and repair, replace or refund, in that order. "
        "The warranty stays with the item, so a second owner with the receipt is covered too.",
    ),
    Document(
        "repairs",
        "The repair workshop",
        "Our workshop repairs zips, seams, buckles, tent poles and waterproof membranes of any "
        "brand. "
        "A zip repair costs 18 EUR, a patch 12 EUR and a new tent pole section 9 EUR. "
        "Repairs take 7 to 10 working days, and 3 weeks in May and June. "
        "Boots can be resoled for 79 EUR if the upper is sound. "
        "Please wash and dry the item before you send it in, because we cannot work on dirty "
        "gear. "
        "Repairs under warranty are free, including postage both ways.",
    ),
    Document(
        "sizing-footwear",
        "Sizing boots and shoes",
        "Hiking boots should leave a thumb's width in front of your longest toe. "
        "Measure your feet in the evening, because they swell during the day. "
        "Our Halden boots run half a size small, so order half a size up. "
        "Trail running shoes fit true to size. "
        "Wide fit is available from EU 39 to EU 48 and is marked with a W. "
        "Wear boots indoors for an hour before the first trip, as long as the soles are clean "
        "you can still exchange them.",
    ),
    Document(
        "sizing-clothing",
        "Sizing clothing",
        "Choose a jacket by your chest measurement and leave room for one warm layer. "
        "A chest of 96 to 101 cm is size M, 102 to 107 cm is size L and 108 to 114 cm is "
        "size XL. "
        "Trousers come in short, regular and long legs, which differ by 5 cm. "
        "Base layers should lie close to the skin, so take your usual size. "
        "Children's sizes follow height in centimetres. "
        "Between two sizes, take the larger for shells and the smaller for fleece.",
    ),
    Document(
        "gift-cards",
        "Gift cards",
        "Gift cards are available from 10 to 500 EUR, by email at once or printed within 3 "
        "working days. "
        "A gift card is valid for 4 years from the day you buy it. "
        "You can use several gift cards for one order and pay the rest by card. "
        "Gift cards cannot be exchanged for cash or used to buy another gift card. "
        "Check the balance under Gift cards in your account with the 16 character code. "
        "A lost gift card can be blocked and replaced if you have the receipt.",
    ),
    Document(
        "loyalty",
        "Trail Club, the loyalty programme",
        "Trail Club membership is free and gives 1 point for every euro you spend. "
        "100 points become a voucher of 5 EUR, valid for 12 months. "
        "Members get free standard shipping over 40 EUR and an extra 30 days for returns. "
        "Points are booked 14 days after delivery and are taken back if you return the item. "
        "Points expire after 24 months without a purchase. "
        "Members who bring old gear to a store for reuse receive 50 points for each item.",
    ),
    Document(
        "store-hours",
        "Stores and opening hours",
        "Our stores are in Northmere, Eskvale and Port Laren. "
        "The Northmere store is open Monday to Saturday from 9:30 to 19:00. "
        "The Eskvale store is open Monday to Friday from 10:00 to 18:30 and Saturday from 10:00 "
        "to 17:00. "
        "The Port Laren store is open every day from 10:00 to 20:00, on Sunday from 12:00. "
        "All stores are closed on public holidays. "
        "Click and collect is ready within 2 hours during opening hours and is kept for 5 days. "
        "The climbing wall in Northmere is free for customers on Wednesday evening.",
    ),
    Document(
        "care",
        "Washing and care",
        "Wash waterproof jackets at 30 degrees with liquid soap and without softener. "
        "Tumble dry for 20 minutes at low heat, because warmth brings the water repellent finish "
        "back. "
        "Reproof a jacket when water no longer beads on the fabric, about once a season. "
        "Down sleeping bags should be washed in a large drum and dried for several hours with "
        "two tennis balls. "
        "Leather boots need wax after every wet trip and must never dry on a heater. "
        "Store a sleeping bag loose and not in its compression sack.",
    ),
    Document(
        "payment",
        "Paying for an order",
        "You can pay by card, bank transfer, gift card, or in three instalments without "
        "interest. "
        "Instalments are possible for orders between 100 and 1,500 EUR. "
        "Your card is charged when the parcel leaves our warehouse and not before. "
        "Orders by bank transfer are held for 7 days and shipped when the money has arrived. "
        "Invoices are in your account under Orders and can carry a company name and a tax "
        "number. "
        "If a card is declined, check the limit with your bank and try again or choose another "
        "payment method.",
    ),
    Document(
        "rental",
        "Renting equipment",
        "You can rent tents, snowshoes, child carriers and avalanche sets in every store. "
        "A family tent costs 25 EUR for the first day and 12 EUR for each day after. "
        "Rental needs a deposit of 100 EUR, which we release when the equipment comes back "
        "clean. "
        "Reserve at least 3 days ahead in July and August. "
        "If you buy the item within 30 days, we take the rental price off. "
        "Damage from normal use is included, loss is not.",
    ),
)
